"""Apache Kafka for tests and benchmarks: the jars that this machine has, and a cluster of three nodes."""
