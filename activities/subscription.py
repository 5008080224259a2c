"""Consume a topic for as long as its subscription runs."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Protocol

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from domain.subscription import ConsumerProgress, ConsumerTask

HEARTBEAT_SECONDS = 2.0


class Ingress(Protocol):
    """The way from Kafka into the services."""

    async def run(self, task: ConsumerTask, report: Callable[[ConsumerProgress], None], stop: asyncio.Event) -> None:
        """Consume until `stop` is set, then drain and return within half a minute; if cancelled, drop everything.

        Raises `SubscriptionBroken` for what only a person can fix; after any other error a new run goes on.
        """


class SubscriptionActivities:
    """Consumers, which Temporal moves to another worker when theirs dies."""

    def __init__(self, ingress: Ingress) -> None:
        self._ingress = ingress

    @activity.defn
    async def consume(self, task: ConsumerTask) -> None:
        """Be one consumer of a subscription. Never returns: ends with cancellation, an error, or the worker."""
        stop = asyncio.Event()
        heartbeat = _Heartbeat()
        beating = asyncio.create_task(heartbeat.repeat())
        shutdown = asyncio.create_task(activity.wait_for_worker_shutdown())
        consuming = asyncio.create_task(self._ingress.run(task, heartbeat.report, stop))
        try:
            await asyncio.wait({consuming, shutdown}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if _another_goes_on():
                consuming.cancel()
            raise
        finally:
            stop.set()
            await _ended(consuming)
            shutdown.cancel()
            beating.cancel()
            heartbeat.send()
            _log_failure(consuming)
        await consuming
        raise ApplicationError(
            "The worker shuts down; another goes on.",
            type="WorkerShutdown",
            next_retry_delay=timedelta(seconds=1),
            category=ApplicationErrorCategory.BENIGN,
        )


class _Heartbeat:
    """Carries the consumer's latest progress to Temporal."""

    def __init__(self) -> None:
        self._latest: ConsumerProgress | None = None

    def report(self, progress: ConsumerProgress) -> None:
        self._latest = progress

    async def repeat(self) -> None:
        while True:
            self.send()
            await asyncio.sleep(HEARTBEAT_SECONDS)

    def send(self) -> None:
        if self._latest is None:
            activity.heartbeat()
        else:
            activity.heartbeat(self._latest)


def _another_goes_on() -> bool:
    """Whether Temporal took this consumer for lost: its heartbeats came too late."""
    details = activity.cancellation_details()
    return details is not None and (details.not_found or details.timed_out)


async def _ended(consuming: asyncio.Task[None]) -> None:
    """Wait for the drain, which is bounded: a cancellation during it must not leave a consumer running."""
    while not consuming.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait({consuming})


def _log_failure(consuming: asyncio.Task[None]) -> None:
    if not consuming.cancelled() and (error := consuming.exception()):
        activity.logger.warning("The consumer stopped: %s", error)
