"""The status that an execution starts with: it is in Temporal's index from the start, without an event."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.fan_out import FanOutActivities
from activities.payment_tracker import PaymentTrackerActivities
from activities.user_feed import UserFeedActivities
from api.invokers.invocation import Call, WebUi
from api.invokers.workflow import WorkflowInvoker
from clients.subscriptions import start
from domain.booking import BOOKING, CardDeclined
from domain.fan_out import FAN_OUT, Job
from domain.invoice import ClosingEvent, ClosingEventData, InvoiceStatus, PaymentEvent, PaymentEventData
from domain.package_tracker import PACKAGE_TRACKER, LocationUpdate, PackageRegistration
from domain.pattern import Entity
from domain.patterns import ENTITIES
from domain.payload import Payload
from domain.payment_tracker import PAYMENT_TRACKER
from domain.steps import StepMode
from domain.user_feed import USER_FEED, SocialMediaPost, Verdict
from tests.eventually import eventually
from tests.histories import events, until_idle
from tests.workflows.conftest import EVENTS_BEFORE_CONTINUE_AS_NEW
from tests.workflows.entity_key import EntityKey, serving
from tests.workflows.fakes import FakeBilling, FakeMail, FakeModeration, FakePosts, FakeSubtasks, anytime
from tests.workflows.test_booking import ALL_UNDONE, TRIP, World, booking_activities, refuse
from tests.workflows.test_subscription import FakeIngress, new_worker, posts
from workers.activity_methods import activity_methods
from workflows.booking import BookingWorkflow
from workflows.fan_out import FanOutWorker
from workflows.package_tracker import PackageTracker
from workflows.payment_tracker import PaymentTracker
from workflows.search_attributes import STATUS
from workflows.user_feed import UserFeed

Handle = WorkflowHandle[Any, Any]
LOCATION = LocationUpdate(timestamp="2024-10-10 13:00", location="Paris")
END = ClosingEvent(type="invoice", created=3, data=ClosingEventData(id="evt_3", status="void"))
WORKFLOWS = {PAYMENT_TRACKER: PaymentTracker, USER_FEED: UserFeed, PACKAGE_TRACKER: PackageTracker}


def payment(status: str | None = None) -> PaymentEvent:
    return PaymentEvent(type="invoice", created=1, data=PaymentEventData(id="evt_1", customer="cus_1", status=status))


FIRST_MESSAGES: dict[tuple[Entity, str], Payload] = {
    (PAYMENT_TRACKER, "onPaymentFailure"): payment(),
    (PAYMENT_TRACKER, "onPaymentSuccess"): payment(),
    (PAYMENT_TRACKER, "onInvoiceClosed"): END,
    (USER_FEED, "processPost"): SocialMediaPost(content="hello", metadata=""),
    (PACKAGE_TRACKER, "registerPackage"): PackageRegistration(final_destination="Amsterdam"),
    (PACKAGE_TRACKER, "updateLocation"): LOCATION,
}


@asynccontextmanager
async def serve(environment: WorkflowEnvironment, entity: Entity) -> AsyncIterator[EntityKey]:
    posts = FakePosts()
    activities: dict[Entity, object] = {
        PAYMENT_TRACKER: PaymentTrackerActivities(FakeBilling(anytime), FakeMail(anytime)),
        USER_FEED: UserFeedActivities(posts, FakeModeration(posts, {"hello": Verdict.PENDING})),
    }
    async with serving(environment.client, entity, WORKFLOWS[entity], activities.get(entity)) as key:
        yield key


async def set_by_workflow(handle: Handle) -> list[str]:
    """The statuses that the workflow has set, one event each."""
    upserts = await events(handle, "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES")
    fields = [event.upsert_workflow_search_attributes_event_attributes.search_attributes for event in upserts]
    return [each.indexed_fields[STATUS.name].data.decode().strip('"') for each in fields]


async def status(handle: Handle) -> str | None:
    return (await handle.describe()).typed_search_attributes.get(STATUS)


def test_every_handler_has_a_first_message_here() -> None:
    assert set(FIRST_MESSAGES) == {(entity, name) for entity in ENTITIES.values() for name in entity.handlers}


@pytest.mark.parametrize(("entity", "handler"), FIRST_MESSAGES, ids=lambda each: getattr(each, "service", each))
async def test_an_entity_starts_with_the_status_that_its_first_message_gives_it(
    dev_server: WorkflowEnvironment, entity: Entity, handler: str
) -> None:
    async with serve(dev_server, entity) as key:
        await key.send(handler, FIRST_MESSAGES[entity, handler])
        await eventually(lambda: events(key.handle, "WORKFLOW_TASK_COMPLETED"))
        first = entity.handlers[handler].first_status
        assert await set_by_workflow(key.handle) == ([] if first else [InvoiceStatus.VOID])
        assert await status(key.handle) == (first or InvoiceStatus.VOID)


async def test_a_first_message_that_gives_it_another_status_corrects_it(dev_server: WorkflowEnvironment) -> None:
    async with serve(dev_server, PAYMENT_TRACKER) as key:
        await key.send("onPaymentFailure", payment(status="paid"))
        await eventually(lambda: set_by_workflow(key.handle))
        assert await set_by_workflow(key.handle) == [InvoiceStatus.PAID] == [await status(key.handle)]


async def test_a_run_that_continues_it_has_its_status_without_an_event(dev_server: WorkflowEnvironment) -> None:
    async with serve(dev_server, PACKAGE_TRACKER) as key:
        await key.send("updateLocation", LOCATION)
        await key.send("registerPackage", PackageRegistration(final_destination="Amsterdam"))
        await until_idle(key.handle)
        first_run = await key.run_id()
        for _ in range(EVENTS_BEFORE_CONTINUE_AS_NEW):
            await key.send("updateLocation", LOCATION)

        async def continues() -> bool:
            return await key.run_id() != first_run

        await eventually(continues)
        await until_idle(key.handle)
        assert await set_by_workflow(key.handle) == []
        assert await status(key.handle) == "REGISTERED"


async def test_a_job_runs_from_its_start_and_a_delayed_one_from_the_end_of_its_delay(
    dev_server: WorkflowEnvironment,
) -> None:
    invoker = WorkflowInvoker(
        dev_server.client, WebUi("", "default"), FAN_OUT, handler="run", progress_query="progress"
    )
    job = Job(description="shower,make coffee")
    methods = activity_methods(FanOutActivities(FakeSubtasks()))
    async with Worker(dev_server.client, task_queue=FAN_OUT.task_queue, workflows=[FanOutWorker], activities=methods):
        for delay, expected in ((timedelta(0), ["DONE"]), (timedelta(milliseconds=100), ["RUNNING", "DONE"])):
            submitted = await invoker.submit(Call("run", job, key=uuid.uuid4().hex, delay=delay))
            await invoker.wait(submitted.invocation_id)
            handle = dev_server.client.get_workflow_handle(submitted.invocation_id)
            assert await set_by_workflow(handle) == expected
    delayed = await invoker.submit(Call("run", job, key=uuid.uuid4().hex, delay=timedelta(days=1)))
    handle = dev_server.client.get_workflow_handle(delayed.invocation_id)
    assert await status(handle) is None
    await handle.terminate()


@pytest.mark.parametrize(
    ("steps", "fails_once", "expected"),
    [
        (StepMode.ACTIVITY, None, ["COMPENSATING", "FAILED"]),
        (StepMode.LOCAL, None, ["FAILED"]),
        (StepMode.LOCAL, "reserve car", ["FAILED"]),
        (StepMode.LOCAL, "cancel car", ["COMPENSATING", "FAILED"]),
    ],
)
async def test_a_trip_books_from_its_start_and_shows_nothing_that_is_over_within_a_task(
    dev_server: WorkflowEnvironment, steps: StepMode, fails_once: str | None, expected: list[str]
) -> None:
    client, queue = dev_server.client, BOOKING.task_queue
    world = World(before={"charge": refuse(CardDeclined("no"))})

    async def fail() -> None:
        del world.before[str(fails_once)]
        raise ConnectionError("it is restarting")

    if fails_once:
        world.before[fails_once] = fail
    invoker = WorkflowInvoker(client, WebUi("", "default"), BOOKING, handler="run", progress_query="state")
    trip, methods = TRIP.model_copy(update={"steps": steps}), activity_methods(booking_activities(world))
    async with Worker(client, task_queue=queue, workflows=[BookingWorkflow], activities=methods):
        submitted = await invoker.submit(Call("run", trip, key=uuid.uuid4().hex))
        handle = client.get_workflow_handle(submitted.invocation_id)
        with pytest.raises(WorkflowFailureError):
            await handle.result()
    assert world.done() == ["reserve flight", "reserve car", *ALL_UNDONE]
    assert await set_by_workflow(handle) == expected


async def test_a_subscription_runs_from_its_start(dev_server: WorkflowEnvironment) -> None:
    async with new_worker(dev_server, ingress := FakeIngress()):
        handle = await start(dev_server.client, posts())
        await eventually(lambda: ingress.running)
        assert (await set_by_workflow(handle), await status(handle)) == ([], "RUNNING")
        await handle.terminate()
