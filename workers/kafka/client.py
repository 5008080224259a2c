"""The Kafka client of one consumer: how it is set up, and how it ends."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord

from domain.subscription import ConsumerTask
from workers.kafka.records import Record

log = logging.getLogger(__name__)


def new_client(task: ConsumerTask, connection: dict[str, Any]) -> AIOKafkaConsumer:
    """`connection` are the arguments that lead to the cluster. The client has no partitions yet."""
    subscription = task.subscription
    return AIOKafkaConsumer(
        **connection,
        client_id=f"{subscription.id}-{task.member}",
        group_id=subscription.group,
        # Where to begin is decided by the consumer: a reset by the client's own rule would lose records without a word.
        auto_offset_reset="none",
        enable_auto_commit=False,
        isolation_level="read_committed",
    )


async def stop_client(client: AIOKafkaConsumer, patience_seconds: float) -> None:
    """Close, within twice `patience_seconds`. A client that does not stop is taken apart: its fetches would go on."""
    if await _ends(client.stop(), patience_seconds):
        return
    log.warning("the Kafka client did not stop within %g s", patience_seconds)
    steps: list[Callable[[], Coroutine[Any, Any, None]]] = [client._client.close]
    if client._fetcher is not None:
        steps.insert(0, client._fetcher.close)
    if (coordinator := client._coordinator) is not None:
        coordinator._coordination_task.cancel()
        steps.insert(0, coordinator._stop_commit_offsets_refresh_task)
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
