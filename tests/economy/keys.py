"""Keys that take messages: invoices, feeds and packages. The next message is sent once the key's workflow is idle."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio.client import Client

from activities.delivery import DeliveryActivities
from activities.payment_tracker import PaymentTrackerActivities
from activities.user_feed import UserFeedActivities
from api.invokers.entity import EntityInvoker
from api.invokers.invocation import Call
from api.invokers.receipts import Receipts
from domain.delivery import DELIVERY_QUEUE
from domain.invoice import PaymentEvent, PaymentEventData, ReminderPlan
from domain.package_tracker import PACKAGE_TRACKER, LocationUpdate, PackageRegistration
from domain.payload import Payload
from domain.payment_tracker import ON_PAYMENT_FAILURE, ON_PAYMENT_SUCCESS, PAYMENT_TRACKER
from domain.plans import Plans
from domain.steps import StepMode
from domain.user_feed import PROCESS_POST, USER_FEED, SocialMediaPost
from tests.economy.calls import WEB_UI, worker
from tests.economy.cost import Cost, Costs, of_standalone, of_workflow
from tests.eventually import eventually
from tests.histories import until_idle
from tests.workflows.entity_key import EntityKey
from tests.workflows.fakes import FakeBilling, FakeMail, FakeModeration, FakePosts, anytime
from workers.mailbox import EntityMailbox
from workflows.package_tracker import PackageTracker
from workflows.payment_tracker import PaymentTracker
from workflows.user_feed import UserFeed

SINGLE = 2
"""Messages that are sent one by one."""
BATCH = 50
"""Records of one key that are delivered together."""


@asynccontextmanager
async def _ended(key: EntityKey) -> AsyncIterator[EntityKey]:
    """The key, whose execution does not outlive the play."""
    try:
        yield key
    finally:
        await key.handle.terminate()


async def _idle(key: EntityKey) -> Cost:
    await until_idle(key.handle)
    return await of_workflow(key.handle)


async def invoice(client: Client, mode: StepMode) -> Costs:
    async with _invoice(client, mode, ReminderPlan()) as (key, mail, billing):
        await key.send(ON_PAYMENT_FAILURE, _payment_event(1))
        await eventually(lambda: mail.numbers() == [1])
        reminded = await _idle(key)
        await key.send(ON_PAYMENT_SUCCESS, _payment_event(2))
        await eventually(lambda: billing.closed)
        return {"failed payment and its reminder": reminded, "invoice, paid after one reminder": await _idle(key)}


async def unpaid_invoice(client: Client, mode: StepMode) -> Costs:
    plan = ReminderPlan(interval=timedelta(milliseconds=100))
    async with _invoice(client, mode, plan) as (key, mail, billing):
        await key.send(ON_PAYMENT_FAILURE, _payment_event(1))
        await eventually(lambda: billing.tickets)
        assert mail.numbers() == [1, 2, 3]
        await until_idle(key.handle)
        await key.send(ON_PAYMENT_SUCCESS, _payment_event(2))
        await eventually(lambda: billing.closed)
        return {"invoice, paid after three reminders and a ticket": await _idle(key)}


@asynccontextmanager
async def _invoice(
    client: Client, mode: StepMode, plan: ReminderPlan
) -> AsyncIterator[tuple[EntityKey, FakeMail, FakeBilling]]:
    billing, mail = FakeBilling(anytime), FakeMail(anytime)
    key = EntityKey(client, PAYMENT_TRACKER, plans=Plans(reminders=plan, steps=mode))
    async with (
        worker(client, PAYMENT_TRACKER.task_queue, PaymentTracker, PaymentTrackerActivities(billing, mail)),
        _ended(key),
    ):
        yield key, mail, billing


def _payment_event(number: int) -> PaymentEvent:
    data = PaymentEventData(id=f"evt_1JH2Y4F2eZvKYlo2C8b{number}", customer="cus_J5K2Y4F2eZvKYlo2")
    return PaymentEvent(type="invoice.payment_failed", created=1_633_025_000, data=data)


async def feed(client: Client, mode: StepMode) -> Costs:
    posts = FakePosts()
    key = EntityKey(client, USER_FEED, plans=Plans(steps=mode))
    activities = UserFeedActivities(posts, FakeModeration(posts))
    async with worker(client, USER_FEED.task_queue, UserFeed, activities), _ended(key):

        async def deliver(first: int, count: int) -> Cost:
            await key.deliver(PROCESS_POST, {number: _post(number) for number in range(first, first + count)})
            await eventually(lambda: len(posts.finished()) == first + count)
            return await _idle(key)

        first = singles = await deliver(0, 1)
        for number in range(1, 1 + SINGLE):
            singles = await deliver(number, 1)
        batch = await deliver(1 + SINGLE, BATCH)
        return {
            "first post of a user": first,
            "further post, by itself": singles.since(first, SINGLE),
            f"further post, {BATCH} delivered together": batch.since(singles, BATCH),
        }


def _post(number: int) -> SocialMediaPost:
    return SocialMediaPost(content=f"Hi! This is my post number {number}!", metadata="public")


async def package(client: Client, _: StepMode) -> Costs:
    key = EntityKey(client, PACKAGE_TRACKER)
    mailbox = DeliveryActivities(EntityMailbox(key.entities))
    async with (
        worker(client, PACKAGE_TRACKER.task_queue, PackageTracker, None),
        worker(client, DELIVERY_QUEUE, None, mailbox),
        _ended(key),
    ):
        await key.send("registerPackage", PackageRegistration(final_destination="Bridge 6, Amsterdam"))
        registered = singles = await _idle(key)
        for number in range(SINGLE):
            await key.deliver("updateLocation", _locations(number, 1))
            singles = await _idle(key)
        await key.deliver("updateLocation", _locations(SINGLE, BATCH))
        batch = await _idle(key)
        delivery = await _delayed(client, key, _locations(SINGLE + BATCH, 1).popitem()[1])
        delayed = (await _idle(key)).since(batch, 1)
        return {
            "package, registered": registered,
            "location, by itself": singles.since(registered, SINGLE),
            f"location, {BATCH} delivered together": batch.since(singles, BATCH),
            "location, as a delayed message": delivery + delayed,
        }


async def _delayed(client: Client, key: EntityKey, location: Payload) -> Cost:
    invoker = EntityInvoker(client, WEB_UI, key.entities, PACKAGE_TRACKER, Receipts(client))
    call = Call("updateLocation", location, key.name, delay=timedelta(milliseconds=100))
    handle = client.get_activity_handle((await invoker.submit(call)).invocation_id)
    await handle.result()
    return await of_standalone(handle)


def _locations(first: int, count: int) -> dict[int, Payload]:
    return {
        number: LocationUpdate(
            timestamp=f"2024-10-10 {13 + number // 60}:{number % 60:02}", location="Pinetree Road 5, Paris"
        )
        for number in range(first, first + count)
    }
