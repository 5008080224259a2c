"""Consume a topic for as long as its subscription runs."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Protocol

from temporalio import activity
from temporalio.common import MetricMeter
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.consumer_heartbeat import ConsumerHeartbeat, StallReports
from activities.consumer_metrics import IngressMetrics
from domain.checkpoint import Checkpoint
from domain.subscription import ConsumerSnapshot, ConsumerTask, OffsetsToKeep, SubscriptionBroken

HANDOVER_DELAY = timedelta(milliseconds=100)
"""Between the end of a consumer whose worker shuts down and its start on another worker: records wait for it."""


class Ingress(Protocol):
    """Carries records from Kafka to the services."""

    async def run(self, task: ConsumerTask, report: Callable[[ConsumerSnapshot], None], stop: asyncio.Event) -> None:
        """Consume until `stop` is set, then drain and return within half a minute; if cancelled, drop everything.

        Raises `SubscriptionBroken` for what only an operator can fix; after any other error a new run continues.
        """

    async def keep_offsets(self, keep: OffsetsToKeep) -> Checkpoint:
        """Commit the offsets again, and return them."""


class SubscriptionActivities:
    """Consumers, which Temporal starts on another worker if theirs is lost."""

    def __init__(self, ingress: Ingress, reports: StallReports, meter: MetricMeter = MetricMeter.noop) -> None:
        self._ingress = ingress
        self._reports = reports
        self._metrics = IngressMetrics(meter)

    @activity.defn
    async def consume(self, task: ConsumerTask) -> Checkpoint | None:
        """Run one consumer of a subscription, until it is cancelled, fails, or its worker shuts down.

        Returns only if it is cancelled and has drained: where the next consumer continues, if that is known.
        """
        stop = asyncio.Event()
        metrics = self._metrics.consumer(task.subscription)
        heartbeat = ConsumerHeartbeat(task, self._reports, metrics)
        beating = asyncio.create_task(heartbeat.repeat())
        shutdown = asyncio.create_task(activity.wait_for_worker_shutdown())
        consuming = asyncio.create_task(self._ingress.run(heartbeat.task, heartbeat.report, stop))
        try:
            await asyncio.wait({consuming, shutdown}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if _is_replaced():
                metrics.restarts("Replaced")
                consuming.cancel()
                raise
            cancelled = True
        else:
            cancelled = False
        finally:
            stop.set()
            await _ended(consuming)
            shutdown.cancel()
            beating.cancel()
            await _show_end(consuming, heartbeat)
            metrics.end()
        _raise_error(consuming, heartbeat.checkpoint)
        if cancelled:
            return heartbeat.checkpoint
        metrics.restarts("WorkerShutdown")
        raise ApplicationError(
            "The worker is shutting down: another worker continues.",
            heartbeat.checkpoint,
            type="WorkerShutdown",
            next_retry_delay=HANDOVER_DELAY,
            category=ApplicationErrorCategory.BENIGN,
        )

    @activity.defn
    async def keep_offsets(self, keep: OffsetsToKeep) -> Checkpoint:
        """Commit the offsets of a subscription that has no consumers, and return them."""
        return await self._ingress.keep_offsets(keep)


def _is_replaced() -> bool:
    """Whether Temporal starts another consumer, because the heartbeats of this one came too late."""
    details = activity.cancellation_details()
    return details is not None and (details.not_found or details.timed_out)


async def _ended(consuming: asyncio.Task[None]) -> None:
    """Wait for the drain, which has a time limit: a cancellation during it must not leave a consumer running."""
    while not consuming.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait({consuming})


async def _show_end(consuming: asyncio.Task[None], heartbeat: ConsumerHeartbeat) -> None:
    error = None if consuming.cancelled() else consuming.exception()
    if error is None or isinstance(error, SubscriptionBroken):
        heartbeat.send()
    else:
        await heartbeat.restarts(error)


def _raise_error(consuming: asyncio.Task[None], checkpoint: Checkpoint | None) -> None:
    """Raise the consumer's error, with the checkpoint in its details: it is not retried once Temporal has been asked
    to cancel the consumer.

    It is benign, since the SDK would log each attempt: `ConsumerHeartbeat` logs errors when they change.
    """
    try:
        consuming.result()
    except SubscriptionBroken as error:
        raise SubscriptionBroken(error.message, checkpoint) from error
    except Exception as error:
        kind, benign = type(error).__name__, ApplicationErrorCategory.BENIGN
        raise ApplicationError(str(error), checkpoint, type=kind, category=benign) from error
