"""Hours of steady traffic on a cluster of Apache Kafka, with poison in it, while its nodes and the workers restart."""
