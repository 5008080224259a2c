"""What a consumer shows of itself: progress and stalls in its heartbeats and as metrics, stalls in its workflow too."""

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Protocol

from temporalio import activity

from activities.consumer_metrics import ConsumerMetrics
from domain.checkpoint import Checkpoint, advanced
from domain.subscription import (
    ConsumerReport,
    ConsumerSnapshot,
    ConsumerTask,
    Stall,
    Subscription,
)

HEARTBEAT_SECONDS = 2.0
SIGNAL_SECONDS = 5.0
OTHER_REASON_SECONDS = 60.0
"""Each signal lengthens the history: while a stall lasts, another reason is sent only so often."""


class StallReports(Protocol):
    """The subscription's workflow."""

    async def send(self, subscription: Subscription, report: ConsumerReport) -> None:
        """Return once Temporal has stored the report. Retry after any error."""


class ConsumerHeartbeat:
    """Belongs to one attempt of the activity. It continues what the attempt before it showed."""

    def __init__(self, task: ConsumerTask, reports: StallReports, metrics: ConsumerMetrics) -> None:
        info = activity.info()
        self._task = task
        self._reports = reports
        self._metrics = metrics
        self._attempt = info.attempt
        self._progress = _progress_before(info)
        before = self._progress.stall if self._progress else None
        self._stall = before or task.stall
        self._sent: Stall | None = self._stall
        self._sent_at = 0.0
        # A worker that was killed may have sent a stall that its heartbeats do not have.
        self._outdated = info.attempt > 1

    @property
    def task(self) -> ConsumerTask:
        """The activity's task, with the stall that has not ended yet, and its share of the latest checkpoint."""
        return self._task.model_copy(update={"stall": self._stall, "checkpoint": self.checkpoint})

    @property
    def checkpoint(self) -> Checkpoint | None:
        """Where the next consumer continues."""
        return advanced(self._task.checkpoint, self._progress.checkpoint if self._progress else None)

    def report(self, progress: ConsumerSnapshot) -> None:
        """Show the consumer's latest progress."""
        if progress.checkpoint is None:  # it has not begun
            progress = progress.model_copy(update={"checkpoint": self.checkpoint})
        self._progress = progress
        self._metrics.report(progress)
        self._note(progress.stall)

    async def repeat(self) -> None:
        """Send until cancelled."""
        signalling = asyncio.create_task(self._signal_changes())
        try:
            while True:
                self.send()
                await asyncio.sleep(HEARTBEAT_SECONDS)
        finally:
            signalling.cancel()

    def send(self) -> None:
        """Send a heartbeat."""
        since = self._stall.since if self._stall else None
        self._metrics.stalls(max(0.0, (datetime.now(UTC) - since).total_seconds()) if since else 0.0)
        if self._progress is None:
            activity.heartbeat()
        else:
            activity.heartbeat(self._progress.model_copy(update={"stall": self._stall}))

    async def restarts(self, error: BaseException) -> None:
        """Show that the consumer is started again because of `error`. Takes 5 s at most."""
        since = self._stall.since if self._stall else datetime.now(UTC)
        self._metrics.restarts(type(error).__name__)
        reason = f"Consumer {self._task.member + 1} is started again: {type(error).__name__}: {error}"
        if self._stall is None or self._stall.reason != reason:
            name = self._task.subscription.name
            activity.logger.warning("%s: consumer %d is started again", name, self._task.member + 1, exc_info=error)
        self._stall = Stall(reason=reason, since=since)
        self._sent_at = 0.0
        self.send()
        with suppress(Exception):  # the next attempt sends it
            await self._signal_change()

    def _note(self, stall: Stall | None) -> None:
        before, self._stall = self._stall, stall
        number, name = self._task.member + 1, self._task.subscription.name
        if stall is not None and before is None:
            activity.logger.warning("%s: consumer %d has stalled since %s: %s", name, number, stall.since, stall.reason)
        elif stall is None and before is not None:
            activity.logger.info("%s: consumer %d moves again. It had stalled since %s.", name, number, before.since)

    async def _signal_changes(self) -> None:
        while True:
            with suppress(Exception):  # Temporal does not answer: the metric and the log have it
                await self._signal_change()
            await asyncio.sleep(HEARTBEAT_SECONDS / 2)

    async def _signal_change(self) -> None:
        stall = self._stall
        if not self._outdated and not self._differs(stall):
            return
        report = ConsumerReport(member=self._task.member, attempt=self._attempt, stall=stall)
        async with asyncio.timeout(SIGNAL_SECONDS):
            await self._reports.send(self._task.subscription, report)
        self._sent, self._sent_at, self._outdated = stall, time.monotonic(), False

    def _differs(self, stall: Stall | None) -> bool:
        if stall is None or self._sent is None:
            return stall is not self._sent
        return stall.reason != self._sent.reason and time.monotonic() - self._sent_at > OTHER_REASON_SECONDS


def _progress_before(info: activity.Info) -> ConsumerSnapshot | None:
    """What the attempt before this one showed last."""
    return ConsumerSnapshot.model_validate(info.heartbeat_details[0]) if info.heartbeat_details else None
