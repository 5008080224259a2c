"""Kafka clusters: how to connect to them, their topics, and the dead-letter topics of subscriptions."""
