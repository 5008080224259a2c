"""Kafka ingress: from a topic's partitions into entities, per key in order, across keys in parallel."""
