"""Time limits for calls on Kafka clients.

aiokafka limits the time of a request, not of a call: a call that repeats its request (a position, a topic's metadata,
the end of a producer) waits as long as the broker is silent.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.consumer.group_coordinator import GroupCoordinator

log = logging.getLogger(__name__)


class KafkaUnreachable(ConnectionError):
    """No broker of the cluster answered in time."""


@dataclass(frozen=True)
class Deadlines:
    """How long each kind of call may take, in seconds."""

    start: float = 10.0
    """To accept a client's connection and describe its topics."""
    answer: float = 5.0
    """To answer a read, even if there is nothing to read."""
    send: float = 30.0
    """To write and replicate records."""
    stop: float = 5.0
    """For a client to close its connections; after that they are left to the operating system."""
    listing: float = 30.0
    """For all reads of one page of dead letters."""
    redrive: float = 120.0
    """For one redrive, and for the wait until another one has ended."""


DEADLINES = Deadlines()


@asynccontextmanager
async def answered(cluster: str, what: str, seconds: float) -> AsyncIterator[None]:
    """Raise `KafkaUnreachable` if `what` is not answered within `seconds`. Kafka's own errors pass through."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise KafkaUnreachable(f"Kafka cluster {cluster!r} did not answer {what} within {seconds:g} s.") from error


@asynccontextmanager
async def started(
    client: AIOKafkaConsumer | AIOKafkaProducer, cluster: str, deadlines: Deadlines
) -> AsyncIterator[None]:
    """Start the client, and stop it on exit. Raises `KafkaUnreachable` if it does not start in time."""
    try:
        async with answered(cluster, "the start of a client", deadlines.start):
            await start_client(client, deadlines.stop)
        # Lets its tasks begin: a task that is stopped before that cancels its caller.
        await asyncio.sleep(0)
        yield
    finally:
        await stop_client(client, deadlines.stop)


async def start_client(client: AIOKafkaConsumer | AIOKafkaProducer | AIOKafkaAdminClient, seconds: float) -> None:
    """Start the client. If the call is cut off, wait up to `seconds` for the start to end.

    aiokafka forgets the connection that it is opening when its start is cancelled: the connection would stay open.
    """
    starting = asyncio.create_task(client.start())
    try:
        await asyncio.shield(starting)
    finally:
        await asyncio.wait({starting}, timeout=seconds)
        starting.cancel()


async def stop_client(client: AIOKafkaConsumer | AIOKafkaProducer, seconds: float) -> None:
    """Stop the client within twice `seconds`. If it does not stop, close its parts: its fetches would continue."""
    if await ends_within(client.stop(), seconds):
        return
    log.warning("a Kafka client did not stop within %g s: closing its connections", seconds)
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
    """Return whether `closing` ended in time, perhaps with an error. Otherwise it is cancelled and not waited for.

    It runs in a task of its own, since aiokafka passes the cancellation of what it closes on to its caller.
    """
    task = asyncio.create_task(closing)
    task.add_done_callback(_log_error)
    await asyncio.wait({task}, timeout=seconds)
    return task.done() or not task.cancel()


def _log_error(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.warning("a Kafka client failed while it was closed, its connections may stay open: %r", error)
