"""Kafka clusters: which there are and how to reach them, their topics, and the dead-letter topics of subscriptions."""
