"""Kafka clusters: how to connect to them, their topics, and the dead-letter topics of subscriptions."""

from infra.kafka import metadata_requests  # noqa: F401  (for every client of this process)
