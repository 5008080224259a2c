"""A consumer drains when it is asked to stop, and drops its records at once when Temporal counts it as lost."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from temporalio.activity import ActivityCancellationDetails
from temporalio.testing import ActivityEnvironment

from activities.subscription import SubscriptionActivities
from domain.checkpoint import Checkpoint
from domain.subscription import (
    ConsumerReport,
    ConsumerSnapshot,
    ConsumerTask,
    OffsetsToKeep,
    Stall,
    Subscription,
    SubscriptionOptions,
)
from tests.consumer_snapshots import BEGUN
from tests.eventually import eventually

TASK = ConsumerTask(
    subscription=Subscription(
        cluster="local", topic="posts", service="UserFeed", handler="processPost", options=SubscriptionOptions()
    ),
    member=0,
)


class NoReports:
    async def send(self, subscription: Subscription, report: ConsumerReport) -> None:
        raise AssertionError("nothing stalls")


class KeepsNothing:
    async def keep_offsets(self, keep: OffsetsToKeep) -> Checkpoint:
        return keep.checkpoint


class Drains(KeepsNothing):
    """An ingress that reports how it ended."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.ended = ""

    async def run(self, task: ConsumerTask, report: Callable[[ConsumerSnapshot], None], stop: asyncio.Event) -> None:
        self.began.set()
        try:
            await stop.wait()
        except asyncio.CancelledError:
            self.ended = "dropped"
            raise
        self.ended = "drained"


@pytest.mark.parametrize(
    ("details", "ended"),
    [
        (ActivityCancellationDetails(cancel_requested=True), "drained"),
        (ActivityCancellationDetails(not_found=True), "dropped"),
        (ActivityCancellationDetails(timed_out=True), "dropped"),
    ],
)
async def test_a_consumer_drains_unless_another_may_have_taken_over(
    details: ActivityCancellationDetails, ended: str
) -> None:
    ingress = Drains()
    environment = ActivityEnvironment()
    consuming = asyncio.create_task(environment.run(SubscriptionActivities(ingress, NoReports()).consume, TASK))
    await ingress.began.wait()
    environment.cancel(details)
    if ended == "drained":
        assert await consuming is None, "it has no checkpoint, since it did not begin"
    else:
        with pytest.raises(asyncio.CancelledError):
            await consuming
    assert ingress.ended == ended


class Stalls(KeepsNothing):
    """An ingress that stalls and moves when the test says so."""

    def __init__(self) -> None:
        self.report: Callable[[ConsumerSnapshot], None] | None = None

    async def run(self, task: ConsumerTask, report: Callable[[ConsumerSnapshot], None], stop: asyncio.Event) -> None:
        self.report = report
        await stop.wait()


class Reports:
    def __init__(self) -> None:
        self.sent: list[Stall | None] = []
        self.outages = 1

    async def send(self, subscription: Subscription, report: ConsumerReport) -> None:
        if self.outages > 0:
            self.outages -= 1
            raise ConnectionError("Temporal is unavailable")
        self.sent.append(report.stall)


async def test_a_stall_is_reported_once_when_it_begins_and_once_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    ingress, reports, environment = Stalls(), Reports(), ActivityEnvironment()
    consuming = asyncio.create_task(environment.run(SubscriptionActivities(ingress, reports).consume, TASK))
    report = await eventually(lambda: ingress.report)
    since = datetime.now(UTC)
    stalls = [Stall(reason=f"no broker, attempt {attempt}", since=since) for attempt in range(3)]
    for stall in stalls:
        report(BEGUN.model_copy(update={"stall": stall}))
    await eventually(lambda: reports.sent)
    report(BEGUN)
    await eventually(lambda: len(reports.sent) == 2)
    environment.cancel(ActivityCancellationDetails(cancel_requested=True))
    await consuming
    assert reports.sent == [stalls[-1], None]
    assert caplog.text.count("has stalled since") == caplog.text.count("moves again") == 1
