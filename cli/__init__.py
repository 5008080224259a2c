"""The command line: everything over HTTP, so that it works against any gateway."""
