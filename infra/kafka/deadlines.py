"""Time limits for calls on Kafka clients.

aiokafka limits a request, not a call: a call that repeats its request (a position, a topic's metadata, the end of a
producer) waits as long as the broker is silent.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.consumer.group_coordinator import GroupCoordinator

log = logging.getLogger(__name__)


class KafkaUnreachable(ConnectionError):
    """No broker of the cluster answers, or not with what was asked for."""


@dataclass(frozen=True)
class Deadlines:
    """How long a broker may take. All in seconds."""

    start: float = 10.0
    """To let a client in and describe its topics."""
    answer: float = 5.0
    """To answer a read, even if there is nothing to read."""
    send: float = 30.0
    """To take records and replicate them."""
    stop: float = 5.0
    """For a client to close its connections; then they are left to the operating system."""
    listing: float = 30.0
    """For all reads of one page of dead letters."""
    redrive: float = 120.0
    """For one redrive, and for the wait until another one is over."""


DEADLINES = Deadlines()


@asynccontextmanager
async def answered(cluster: str, what: str, seconds: float) -> AsyncIterator[None]:
    """Raise `KafkaUnreachable` if `what` is not answered within `seconds`. What Kafka answers is left as it is."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise not_answered(cluster, what, seconds) from error


def not_answered(cluster: str, what: str, seconds: float) -> KafkaUnreachable:
    return KafkaUnreachable(f"Kafka cluster {cluster!r} did not answer {what} within {seconds:g} s.")


@asynccontextmanager
async def started(
    client: AIOKafkaConsumer | AIOKafkaProducer, cluster: str, deadlines: Deadlines
) -> AsyncIterator[None]:
    """Start the client, and stop it at the end. Raises `KafkaUnreachable` if it does not start."""
    try:
        async with answered(cluster, "the start of a client", deadlines.start):
            await client.start()
        # Its tasks begin now: stopped before that, they would cancel whoever stops them.
        await asyncio.sleep(0)
        yield
    finally:
        await stop_client(client, deadlines.stop)


async def stop_client(client: AIOKafkaConsumer | AIOKafkaProducer, seconds: float) -> None:
    """Close within twice `seconds`. A client that does not stop is taken apart, since its fetches would go on."""
    if await ends_within(client.stop(), seconds):
        return
    log.warning("the Kafka client did not stop within %g s; its connections are closed", seconds)
    steps = _closing_steps(client)
    for step in steps:
        await ends_within(step, seconds / len(steps))


def _closing_steps(client: AIOKafkaConsumer | AIOKafkaProducer) -> list[Coroutine[Any, Any, None]]:
    if isinstance(client, AIOKafkaProducer):
        return [client._sender.close(), client.client.close()]
    steps = [client._client.close()]
    if client._fetcher is not None:
        steps.insert(0, client._fetcher.close())
    if isinstance(coordinator := client._coordinator, GroupCoordinator):
        coordinator._coordination_task.cancel()
        steps.insert(0, coordinator._stop_commit_offsets_refresh_task())
    return steps


async def ends_within(closing: Coroutine[Any, Any, None], seconds: float) -> bool:
    """Whether it ended in time, perhaps with an error. If not it is cancelled, and abandoned should it not obey.

    In a task of its own, since aiokafka's closing passes on the cancellation of what it closes.
    """
    task = asyncio.create_task(closing)
    task.add_done_callback(_log_error)
    await asyncio.wait({task}, timeout=seconds)
    return task.done() or not task.cancel()


def _log_error(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.warning("the Kafka client did not close cleanly: %r", error)
