"""The Kafka client of one consumer: how it is set up, and how it ends."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.structs import ConsumerRecord

from domain.subscription import ConsumerTask
from workers.kafka.records import Record

log = logging.getLogger(__name__)

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


def new_client(
    task: ConsumerTask, connection: dict[str, Any], listener: Rebalances, session_timeout_ms: int
) -> AIOKafkaConsumer:
    """`connection` are the arguments that lead to the cluster."""
    subscription = task.subscription
    client = AIOKafkaConsumer(
        **connection,
        client_id=f"{subscription.id}-{task.member}",
        group_id=subscription.group,
        # Where to begin is decided by the consumer: a reset by the client's own rule would lose records without a word.
        auto_offset_reset="none",
        enable_auto_commit=False,
        isolation_level="read_committed",
        partition_assignment_strategy=(RoundRobinPartitionAssignor,),
        session_timeout_ms=session_timeout_ms,
        heartbeat_interval_ms=session_timeout_ms // 3,
        rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
    )
    client.subscribe([subscription.topic], listener=_Callbacks(listener))
    return client


async def stop_client(client: AIOKafkaConsumer, patience_seconds: float) -> None:
    """Leave the group and close, within twice `patience_seconds`.

    A client that does not stop is taken apart: its heartbeats would go on, and keep partitions that nobody reads.
    """
    if await _ends(client.stop(), patience_seconds):
        return
    log.warning("the Kafka client did not stop within %g s", patience_seconds)
    steps: list[Callable[[], Coroutine[Any, Any, None]]] = [client._client.close]
    if client._fetcher is not None:
        steps.insert(0, client._fetcher.close)
    if (coordinator := client._coordinator) is not None:
        coordinator._coordination_task.cancel()
        ends_heartbeats = (coordinator._stop_heartbeat_task, coordinator._stop_commit_offsets_refresh_task)
        steps = [*ends_heartbeats, coordinator._maybe_leave_group, *steps]
    for step in steps:
        await _ends(step(), patience_seconds / len(steps))


async def _ends(closing: Coroutine[Any, Any, None], patience_seconds: float) -> bool:
    """Whether it ended in time, with an error perhaps. If not it is cancelled, and left alone should it not obey."""
    task = asyncio.create_task(closing)
    task.add_done_callback(_log_error)
    await asyncio.wait({task}, timeout=patience_seconds)
    return task.done() or not task.cancel()


def _log_error(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.warning("the Kafka client did not close well: %r", error)


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
