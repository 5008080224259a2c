"""Our Kafka ingress alone: from a topic to state, and one key that is stuck."""
