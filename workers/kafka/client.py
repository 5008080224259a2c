"""The Kafka client of one consumer: its settings, and how its records are read."""

from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord

from domain.records import Record
from domain.subscription import ConsumerTask
from infra.kafka.record_parsing import new_consumer


def new_client(task: ConsumerTask, connection: dict[str, Any]) -> AIOKafkaConsumer:
    """`connection` are the arguments of the cluster's clients. No partitions are assigned yet."""
    subscription = task.subscription
    return new_consumer(
        **connection,
        client_id=f"{subscription.id}-{task.member}",
        group_id=subscription.group,
        # `Positions` decides where to begin: a reset by the client would lose records without an error.
        auto_offset_reset="none",
        enable_auto_commit=False,
        isolation_level="read_committed",
    )


def as_record(record: ConsumerRecord) -> Record:
    return Record(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        timestamp_ms=record.timestamp,
        headers=tuple(record.headers),
    )
