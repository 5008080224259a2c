"""The embedded servers, `make up` and `make demo`; and Apache Kafka, for tests and benchmarks."""
