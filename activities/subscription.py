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

        Raises `SubscriptionBroken` for what only a person can mend; after any other error a new run goes on.
        """


class SubscriptionActivities:
    """Consumers, which Temporal moves to another worker when theirs dies."""

    def __init__(self, ingress: Ingress) -> None:
        self._ingress = ingress

    @activity.defn
    async def consume(self, task: ConsumerTask) -> None:
        """Be one consumer of a subscription. Never returns: ends with cancellation, an error, or the worker."""
        stop = asyncio.Event()
        latest: list[ConsumerProgress] = []
        heartbeats = asyncio.create_task(_heartbeat(latest))
        shutdown = asyncio.create_task(activity.wait_for_worker_shutdown())
        consuming = asyncio.create_task(self._ingress.run(task, lambda progress: _replace(latest, progress), stop))
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
            heartbeats.cancel()
            _heartbeat_last(latest)
            _log_failure(consuming)
        await consuming
        raise ApplicationError(
            "The worker shuts down; another goes on.",
            type="WorkerShutdown",
            next_retry_delay=timedelta(seconds=1),
            category=ApplicationErrorCategory.BENIGN,
        )


def _another_goes_on() -> bool:
    """Whether Temporal took this consumer for lost: its heartbeats came too late."""
    details = activity.cancellation_details()
    return details is not None and (details.not_found or details.timed_out)


async def _ended(consuming: asyncio.Task[None]) -> None:
    """Wait for the drain, which is bounded: a cancellation meanwhile must not leave a consumer behind."""
    while not consuming.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait({consuming})


def _replace(latest: list[ConsumerProgress], progress: ConsumerProgress) -> None:
    latest[:] = [progress]


async def _heartbeat(latest: list[ConsumerProgress]) -> None:
    while True:
        activity.heartbeat(*latest)
        await asyncio.sleep(HEARTBEAT_SECONDS)


def _heartbeat_last(latest: list[ConsumerProgress]) -> None:
    if latest:
        activity.heartbeat(*latest)


def _log_failure(consuming: asyncio.Task[None]) -> None:
    if not consuming.cancelled() and (error := consuming.exception()):
        activity.logger.warning("The consumer stopped: %s", error)
