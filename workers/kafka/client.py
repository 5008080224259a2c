"""The Kafka client of one consumer: its settings, and how its records are read."""

from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from domain.records import Record
from domain.subscription import ConsumerTask
from infra.kafka.record_parsing import new_consumer
from workers.kafka.decisions.beginning import Committed
from workers.kafka.decisions.memory import MIB, Share

MIN_FETCH_BYTES, MAX_FETCH_BYTES = 16 * 1024, MIB
"""What a fetch may have of one partition."""


def new_client(task: ConsumerTask, connection: dict[str, Any]) -> AIOKafkaConsumer:
    """`connection` are the arguments of the cluster's clients. No partitions are assigned yet."""
    subscription = task.subscription
    return new_consumer(
        **connection,
        client_id=f"{subscription.name}-{task.member}",
        group_id=subscription.group,
        # `Positions` decides where to begin: a reset by the client would lose records without an error.
        auto_offset_reset="none",
        enable_auto_commit=False,
        isolation_level="read_committed",
    )


async def commits_of(client: AIOKafkaConsumer, tps: Iterable[TopicPartition]) -> dict[TopicPartition, Committed | None]:
    """What the group has for each partition. `AIOKafkaConsumer.committed` returns no metadata. Raises `KafkaError`."""
    wanted = list(tps)
    found = await client._coordinator.fetch_committed_offsets(wanted)
    return {
        tp: Committed(found[tp].offset, found[tp].metadata) if tp in found and found[tp].offset >= 0 else None
        for tp in wanted
    }


def limit_fetches(client: AIOKafkaConsumer, share: Share, partitions: int) -> None:
    """Limit what the brokers send to a client that is not started, which is to read so many partitions.

    Beyond it they send one batch at least, however large. aiokafka takes the limits only where the number of partitions
    is not known yet: in its constructor.
    """
    client._fetch_max_bytes = max(MIN_FETCH_BYTES, share.fetched_bytes)
    client._max_partition_fetch_bytes = min(MAX_FETCH_BYTES, max(MIN_FETCH_BYTES, share.fetched_bytes // partitions))


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
