"""The embedded servers, `make up` and `make demo`."""
