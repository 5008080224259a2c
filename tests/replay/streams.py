"""Long executions: entities with many messages, and a subscription from start to deletion."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.payment_tracker import PaymentTrackerActivities
from activities.subscription import SubscriptionActivities
from activities.user_feed import UserFeedActivities
from clients.subscriptions import ConsumerReports, start
from domain.invoice import PaymentEvent, PaymentEventData, ReminderPlan
from domain.package_tracker import PACKAGE_TRACKER, LocationUpdate, PackageRegistration
from domain.payload import Payload
from domain.payment_tracker import PAYMENT_TRACKER
from domain.plans import Plans
from domain.steps import StepMode
from domain.subscription import SUBSCRIPTION, SubscriptionBroken, SubscriptionStatus
from domain.user_feed import USER_FEED, ModerationPlan, Review, SocialMediaPost, Verdict
from tests.eventually import eventually
from tests.replay.scenarios import Handles, Scenario, local, quiet, worker
from tests.workflows.entity_key import EntityKey
from tests.workflows.fakes import FakeBilling, FakeMail, FakeModeration, FakePosts, anytime
from tests.workflows.test_subscription import FakeIngress, Handle, has_status, posts
from workflows import package_tracker, payment_tracker, user_feed
from workflows.subscription import SubscriptionWorkflow

BEGINNING = datetime(2024, 10, 10)  # noqa: DTZ001


@asynccontextmanager
async def tracking(
    environment: WorkflowEnvironment, plan: ReminderPlan, steps: StepMode = StepMode.ACTIVITY
) -> AsyncIterator[tuple[EntityKey, FakeMail]]:
    billing, mail = FakeBilling(anytime), FakeMail(anytime)
    key = EntityKey(environment.client, PAYMENT_TRACKER, plans=Plans(reminders=plan, steps=steps))
    async with worker(environment, payment_tracker.PaymentTracker, PaymentTrackerActivities(billing, mail), key):
        yield key, mail


def failure(number: int) -> PaymentEvent:
    return PaymentEvent(
        type="invoice.payment_failed", created=number, data=PaymentEventData(id=f"evt_{number}", customer="cus_1")
    )


async def tracked_long(environment: WorkflowEnvironment) -> Handles:
    """Three hundred failures, each sent twice; each of the first hundred makes a reminder due at once."""
    async with tracking(environment, ReminderPlan(min_interval=timedelta(0), reminders=100)) as (key, _):
        for number in range(300):
            for _ in range(2):
                await key.send("onPaymentFailure", failure(number))
        [paid] = await key.send("onPaymentSuccess", failure(300))
        await key.answered(paid)
        return [await quiet(key)]


@asynccontextmanager
async def feeding(
    environment: WorkflowEnvironment, steps: StepMode = StepMode.ACTIVITY
) -> AsyncIterator[tuple[EntityKey, FakePosts, FakeModeration]]:
    stored = FakePosts()
    moderation = FakeModeration(stored)
    plan = ModerationPlan(poll_interval=timedelta(milliseconds=100))
    key = EntityKey(environment.client, USER_FEED, plans=Plans(moderation=plan, steps=steps))
    async with worker(environment, user_feed.UserFeed, UserFeedActivities(stored, moderation), key):
        yield key, stored, moderation


def post(number: int) -> SocialMediaPost:
    return SocialMediaPost(content=f"post {number}", metadata="public")


async def fed_long(environment: WorkflowEnvironment) -> Handles:
    """A hundred posts in batches, every tenth rejected."""
    async with feeding(environment) as (key, stored, moderation):
        moderation.verdicts.update({f"post {number}": Verdict.REJECTED for number in range(0, 100, 10)})
        for first in range(0, 100, 25):
            await key.deliver("processPost", {n: post(n) for n in range(first, first + 25)})
        await eventually(lambda: len(stored.finished()) == 100)
        return [await quiet(key)]


async def fed_out_of_order(environment: WorkflowEnvironment) -> Handles:
    """More posts than moderation is asked about at once; one is pending for a while, and posts after it are decided."""
    async with feeding(environment) as (key, stored, moderation):
        moderation.verdicts.update({"post 5": Verdict.PENDING, "post 7": Verdict.REJECTED})
        await key.deliver("processPost", {number: post(number) for number in range(30)})
        await eventually(lambda: moderation.asked.count("post 5") > 2)
        moderation.verdicts["post 5"] = Verdict.APPROVED
        await eventually(lambda: len(stored.finished()) == 30)
        return [await quiet(key)]


async def fed_reviewed(environment: WorkflowEnvironment, steps: StepMode = StepMode.ACTIVITY) -> Handles:
    """A post that moderation does not decide in time, and a person's decision on it."""
    stored = FakePosts()
    moderation = FakeModeration(stored, {"post 0": Verdict.PENDING})
    plan = ModerationPlan(poll_interval=timedelta(milliseconds=100), give_up_after=timedelta(seconds=1))
    key = EntityKey(environment.client, USER_FEED, plans=Plans(moderation=plan, steps=steps))
    async with worker(environment, user_feed.UserFeed, UserFeedActivities(stored, moderation), key):
        await key.send("processPost", post(0))
        await eventually(lambda: "in_review post 0" in stored.calls)
        await quiet(key)
        review = Review(post_id=stored.id_of("post 0"), approved=True)
        await key.handle.execute_update(user_feed.UserFeed.review_post, review)
        return [await quiet(key)]


@asynccontextmanager
async def joining(environment: WorkflowEnvironment) -> AsyncIterator[EntityKey]:
    key = EntityKey(environment.client, PACKAGE_TRACKER)
    async with worker(environment, package_tracker.PackageTracker, None, key):
        yield key


def locations(first: int, count: int) -> dict[int, Payload]:
    """Records by their offsets, a minute apart."""
    return {
        n: LocationUpdate(timestamp=f"{BEGINNING + timedelta(minutes=n):%Y-%m-%d %H:%M}", location=f"Road {n}")
        for n in range(first, first + count)
    }


async def joined_long(environment: WorkflowEnvironment) -> Handles:
    """Five thousand locations in batches, the registration among them, and some redelivered."""
    async with joining(environment) as key:
        for first in range(0, 5_000, 100):
            await key.deliver("updateLocation", locations(first, 100))
            if first == 1_000:
                await key.send("registerPackage", PackageRegistration(final_destination="Bridge 6, Amsterdam"))
                await key.deliver("updateLocation", locations(first, 100))
        return [await quiet(key)]


@asynccontextmanager
async def subscribing(environment: WorkflowEnvironment) -> AsyncIterator[tuple[Handle, FakeIngress]]:
    """A subscription with two consumers, running."""
    ingress = FakeIngress()
    async with Worker(
        environment.client,
        task_queue=SUBSCRIPTION.task_queue,
        workflows=[SubscriptionWorkflow],
        activities=[SubscriptionActivities(ingress, ConsumerReports(environment.client)).consume],
        max_heartbeat_throttle_interval=timedelta(milliseconds=100),
    ):
        handle = await start(environment.client, posts(consumers=2))
        await eventually(lambda: len(ingress.running) == 2)
        yield handle, ingress


async def subscribed(environment: WorkflowEnvironment) -> Handles:
    """Paused, resumed, failed, resumed, deleted."""
    async with subscribing(environment) as (handle, ingress):
        await paused_and_resumed(handle, ingress)
        ingress.fault = SubscriptionBroken("Topic 'posts' is gone.")
        await has_status(handle, SubscriptionStatus.FAILED)
        await handle.execute_update(SubscriptionWorkflow.resume)
        await eventually(lambda: len(ingress.running) == 2)
        await handle.execute_update(SubscriptionWorkflow.delete)
        await handle.result()
        return [handle]


async def paused_and_resumed(handle: Handle, ingress: FakeIngress) -> None:
    await handle.execute_update(SubscriptionWorkflow.pause)
    await eventually(lambda: not ingress.running)
    await handle.execute_update(SubscriptionWorkflow.resume)
    await eventually(lambda: len(ingress.running) == 2)


ALL: tuple[Scenario, ...] = (
    *(tracked_long, fed_long, fed_out_of_order, fed_reviewed, joined_long, subscribed),
    local(fed_reviewed),
)
