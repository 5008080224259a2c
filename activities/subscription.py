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
    """Carries records from Kafka to the services."""

    async def run(self, task: ConsumerTask, report: Callable[[ConsumerProgress], None], stop: asyncio.Event) -> None:
        """Consume until `stop` is set, then drain and return within half a minute; if cancelled, drop everything.

        Raises `SubscriptionBroken` for what only an operator can fix; after any other error a new run continues.
        """


class SubscriptionActivities:
    """Consumers, which Temporal starts on another worker if theirs is lost."""

    def __init__(self, ingress: Ingress) -> None:
        self._ingress = ingress

    @activity.defn
    async def consume(self, task: ConsumerTask) -> None:
        """Run one consumer of a subscription, until it is cancelled, fails, or its worker shuts down. Never returns."""
        stop = asyncio.Event()
        heartbeat = _Heartbeat()
        beating = asyncio.create_task(heartbeat.repeat())
        shutdown = asyncio.create_task(activity.wait_for_worker_shutdown())
        consuming = asyncio.create_task(self._ingress.run(task, heartbeat.report, stop))
        try:
            await asyncio.wait({consuming, shutdown}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if _is_replaced():
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
            "The worker is shutting down: another worker continues.",
            type="WorkerShutdown",
            next_retry_delay=timedelta(seconds=1),
            category=ApplicationErrorCategory.BENIGN,
        )


class _Heartbeat:
    """Sends the consumer's latest progress to Temporal."""

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


def _is_replaced() -> bool:
    """Whether Temporal starts another consumer, because the heartbeats of this one came too late."""
    details = activity.cancellation_details()
    return details is not None and (details.not_found or details.timed_out)


async def _ended(consuming: asyncio.Task[None]) -> None:
    """Wait for the drain, which has a time limit: a cancellation during it must not leave a consumer running."""
    while not consuming.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait({consuming})


def _log_failure(consuming: asyncio.Task[None]) -> None:
    if not consuming.cancelled() and (error := consuming.exception()):
        activity.logger.warning("The consumer stopped: %s", error)
