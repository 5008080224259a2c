"""A consumer drains when it is asked to stop, and drops its records at once when Temporal counts it as lost."""

import asyncio
from collections.abc import Callable

import pytest
from temporalio.activity import ActivityCancellationDetails
from temporalio.testing import ActivityEnvironment

from activities.subscription import SubscriptionActivities
from domain.subscription import ConsumerProgress, ConsumerTask, Subscription, SubscriptionOptions

TASK = ConsumerTask(
    subscription=Subscription(
        cluster="local", topic="posts", service="UserFeed", handler="processPost", options=SubscriptionOptions()
    ),
    member=0,
)


class Drains:
    """An ingress that reports how it ended."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.ended = ""

    async def run(self, task: ConsumerTask, report: Callable[[ConsumerProgress], None], stop: asyncio.Event) -> None:
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
    consuming = asyncio.create_task(environment.run(SubscriptionActivities(ingress).consume, TASK))
    await ingress.began.wait()
    environment.cancel(details)
    with pytest.raises(asyncio.CancelledError):
        await consuming
    assert ingress.ended == ended
