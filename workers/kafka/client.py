"""The Kafka client of one consumer, and how it is set up."""

from collections.abc import Iterable
from typing import Protocol

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.structs import ConsumerRecord

from domain.subscription import ConsumerTask
from workers.kafka.records import Record

SESSION_TIMEOUT_MS = 6_000
"""The least that brokers allow by default: after it a dead worker's partitions move."""
REBALANCE_TIMEOUT_MS = 30_000
"""Time to let go of partitions: longer than a consumer takes to drain and commit."""


class Rebalances(Protocol):
    """Who is told of rebalances. Errors raised here are only logged by the client."""

    async def partitions_revoked(self) -> None: ...

    def partitions_assigned(self) -> None: ...


class _Callbacks(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, listener: Rebalances) -> None:
        self._listener = listener

    async def on_partitions_revoked(self, _revoked: Iterable[TopicPartition]) -> None:
        await self._listener.partitions_revoked()

    async def on_partitions_assigned(self, _assigned: Iterable[TopicPartition]) -> None:
        self._listener.partitions_assigned()


def new_client(task: ConsumerTask, address: str, listener: Rebalances) -> AIOKafkaConsumer:
    subscription = task.subscription
    client = AIOKafkaConsumer(
        bootstrap_servers=address,
        client_id=f"{subscription.id}-{task.member}",
        group_id=subscription.group,
        # Where to begin is decided by the consumer: a reset by the client's own rule would lose records without a word.
        auto_offset_reset="none",
        enable_auto_commit=False,
        isolation_level="read_committed",
        partition_assignment_strategy=(RoundRobinPartitionAssignor,),
        session_timeout_ms=SESSION_TIMEOUT_MS,
        heartbeat_interval_ms=SESSION_TIMEOUT_MS // 3,
        rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
    )
    client.subscribe([subscription.topic], listener=_Callbacks(listener))
    return client


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
