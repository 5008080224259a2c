"""Short executions: trips, jobs, and small entities."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.fan_out import FanOutActivities
from activities.payment_tracker import PaymentTrackerActivities
from activities.user_feed import UserFeedActivities
from domain.booking import BOOKING, CardDeclined, TripStatus
from domain.compensation import Resolution
from domain.fan_out import Job, OnFailure, SubtaskFailed
from domain.invoice import ClosingEvent, ClosingEventData, InvoiceStatus, PaymentEvent, PaymentEventData, ReminderPlan
from domain.package_tracker import PACKAGE_TRACKER, LocationUpdate, PackagePlan, PackageRegistration
from domain.payment_tracker import PAYMENT_TRACKER
from domain.plans import Plans
from domain.steps import StepMode
from domain.user_feed import USER_FEED, ModerationPlan, SocialMediaPost, Verdict
from tests.eventually import eventually
from tests.histories import until_idle
from tests.workflows.entity_key import EntityKey
from tests.workflows.fakes import FakeBilling, FakeMail, FakeModeration, FakePosts, FakeSubtasks, Gate, anytime
from tests.workflows.test_booking import (
    TRIP,
    World,
    booking_activities,
    refuse,
    until_cancel_is_recorded,
    until_status,
)
from workers.activity_methods import activity_methods
from workflows import package_tracker, payment_tracker, user_feed
from workflows.booking import BookingWorkflow
from workflows.fan_out import FanOutWorker
from workflows.search_attributes import attributes

Handles = list[WorkflowHandle[Any, Any]]


async def booked(environment: WorkflowEnvironment, steps: StepMode = StepMode.ACTIVITY) -> Handles:
    return await _book(environment, World(), steps)


async def declined(environment: WorkflowEnvironment, steps: StepMode = StepMode.ACTIVITY) -> Handles:
    return await _book(environment, World(before={"charge": refuse(CardDeclined("no"))}), steps)


async def cancelled(environment: WorkflowEnvironment, steps: StepMode = StepMode.ACTIVITY) -> Handles:
    """Cancelled while the card is charged: the charge ends, then everything is undone."""
    gate = Gate()
    gate.close()

    async def cancel(trip: WorkflowHandle[BookingWorkflow, Any]) -> None:
        await gate.reached()
        await trip.cancel()
        await until_cancel_is_recorded(trip)
        gate.open()

    return await _book(environment, World(before={"charge": gate.passage}), steps, cancel)


async def stuck_and_resolved(environment: WorkflowEnvironment, steps: StepMode = StepMode.ACTIVITY) -> Handles:
    """Two compensations are stuck: an operator has one retried, and reports the other as done by hand."""
    closed = refuse(ApplicationError("closed", non_retryable=True))
    world = World(before={"charge": refuse(CardDeclined("no")), "cancel car": closed, "cancel flight": closed})

    async def resolve(trip: WorkflowHandle[BookingWorkflow, Any]) -> None:
        await until_status(trip, TripStatus.COMPENSATION_STUCK)
        await eventually(lambda: "refund" in world.calls)
        await until_idle(trip)
        del world.before["cancel car"]
        retry = Resolution(compensation="cancel car", retry=True)
        await trip.execute_update(BookingWorkflow.resolve_compensation, retry)
        await eventually(lambda: "cancel car" in world.calls)
        by_hand = Resolution(compensation="cancel flight", note="phoned them")
        await trip.execute_update(BookingWorkflow.resolve_compensation, by_hand)

    return await _book(environment, world, steps, resolve)


async def _book(
    environment: WorkflowEnvironment,
    world: World,
    mode: StepMode,
    while_it_runs: Callable[[WorkflowHandle[BookingWorkflow, Any]], Awaitable[None]] | None = None,
) -> Handles:
    steps = booking_activities(world)
    key = str(uuid.uuid4())
    async with worker(environment, BookingWorkflow, steps) as queue:
        trip = await environment.client.start_workflow(
            BookingWorkflow.run,
            TRIP.model_copy(update={"steps": mode}),
            id=BOOKING.execution_id(key),
            task_queue=queue,
            search_attributes=attributes(BOOKING, key, BOOKING.first_status),
        )
        if while_it_runs:
            await while_it_runs(trip)
        try:
            await trip.result()
        except WorkflowFailureError:
            assert world.before
        return [trip]


async def tracked(environment: WorkflowEnvironment, steps: StepMode = StepMode.ACTIVITY) -> Handles:
    """Three reminders, the escalation, and the payment after it."""
    plan = ReminderPlan(interval=timedelta(milliseconds=300))
    billing, mail = FakeBilling(anytime), FakeMail(anytime)
    key = EntityKey(environment.client, PAYMENT_TRACKER, "invoice123", Plans(reminders=plan, steps=steps))
    event = _payment_event("evt_1")
    async with worker(environment, payment_tracker.PaymentTracker, PaymentTrackerActivities(billing, mail), key):
        await key.send("onPaymentFailure", event)
        await eventually(lambda: billing.tickets)
        await key.send("onPaymentSuccess", event)
        await eventually(lambda: billing.closed)
        return [await quiet(key)]


async def tracked_closed(environment: WorkflowEnvironment, steps: StepMode = StepMode.ACTIVITY) -> Handles:
    """Two failures close to each other, the invoice's end as uncollectible, and the payment of it after all."""
    plan = ReminderPlan(interval=timedelta(days=1), min_interval=timedelta(milliseconds=500))
    billing, mail = FakeBilling(anytime), FakeMail(anytime)
    key = EntityKey(environment.client, PAYMENT_TRACKER, "invoice125", Plans(reminders=plan, steps=steps))
    async with worker(environment, payment_tracker.PaymentTracker, PaymentTrackerActivities(billing, mail), key):
        await key.send("onPaymentFailure", _payment_event("evt_1"))
        await eventually(lambda: mail.numbers() == [1])
        await key.send("onPaymentFailure", _payment_event("evt_2"))
        await eventually(lambda: mail.numbers() == [1, 2])
        end = ClosingEvent(type="invoice", created=3, data=ClosingEventData(id="evt_3", status="uncollectible"))
        await key.send("onInvoiceClosed", end)
        await eventually(lambda: billing.closed)
        await key.send("onPaymentSuccess", _payment_event("evt_4"))
        await eventually(lambda: billing.closed["invoice125"] is InvoiceStatus.PAID)
        return [await quiet(key)]


def _payment_event(event_id: str) -> PaymentEvent:
    return PaymentEvent(type="invoice", created=1, data=PaymentEventData(id=event_id, customer="cus_1"))


async def fanned_out(environment: WorkflowEnvironment) -> Handles:
    return await _fan_out(environment, Job(description="get out of bed,shower,make coffee,have breakfast"))


async def fanned_out_wide(environment: WorkflowEnvironment) -> Handles:
    """A thousand subtasks in ten batches; every tenth subtask fails."""
    names = [f"s{number}" for number in range(1_000)]
    return await _fan_out(environment, Job(description=",".join(names)), failing=names[::10])


async def fanned_out_stopped(environment: WorkflowEnvironment) -> Handles:
    """A job that stops at its first failure, with other subtasks running and more that never start."""
    names = [f"s{number}" for number in range(80)]
    return await _fan_out(environment, Job(description=",".join(names), on_failure=OnFailure.STOP), failing=names[7:8])


async def _fan_out(environment: WorkflowEnvironment, job: Job, failing: list[str] | None = None) -> Handles:
    subtasks = FakeSubtasks(faults={name: [SubtaskFailed("no oil")] for name in failing or []})
    async with worker(environment, FanOutWorker, FanOutActivities(subtasks)) as queue:
        handle = await environment.client.start_workflow(
            FanOutWorker.run, job, id=f"fan-out:{uuid.uuid4()}", task_queue=queue
        )
        try:
            await handle.result()
        except WorkflowFailureError:
            assert job.on_failure is OnFailure.STOP
        return [handle]


async def fed(environment: WorkflowEnvironment, steps: StepMode = StepMode.ACTIVITY) -> Handles:
    """Two posts, the first of which waits for moderation, and a rejected one."""
    posts = FakePosts()
    moderation = FakeModeration(posts, {"1": Verdict.PENDING, "spam": Verdict.REJECTED})
    plan = ModerationPlan(poll_interval=timedelta(milliseconds=100))
    key = EntityKey(environment.client, USER_FEED, "userid1", Plans(moderation=plan, steps=steps))
    async with worker(environment, user_feed.UserFeed, UserFeedActivities(posts, moderation), key):
        contents = dict(enumerate(("1", "2", "spam")))
        await key.deliver("processPost", {n: SocialMediaPost(content=c, metadata="") for n, c in contents.items()})
        await eventually(lambda: moderation.asked.count("1") > 2)
        moderation.verdicts["1"] = Verdict.APPROVED
        await eventually(lambda: len(posts.finished()) == len(contents))
        return [await quiet(key)]


async def joined(environment: WorkflowEnvironment) -> Handles:
    """A location before the registration, and one after it."""
    key = EntityKey(environment.client, PACKAGE_TRACKER, "package1")
    async with worker(environment, package_tracker.PackageTracker, None, key):
        await key.deliver("updateLocation", {0: LocationUpdate(timestamp="2024-10-10 13:00", location="Paris")})
        await key.send("registerPackage", PackageRegistration(final_destination="Bridge 6, Amsterdam"))
        await key.deliver("updateLocation", {1: LocationUpdate(timestamp="2024-10-10 14:00", location="Brussels")})
        return [await quiet(key)]


async def given_up(environment: WorkflowEnvironment) -> Handles:
    """A package that is never registered."""
    plan = PackagePlan(registration_ttl=timedelta(milliseconds=500))
    key = EntityKey(environment.client, PACKAGE_TRACKER, plans=Plans(packages=plan))
    async with worker(environment, package_tracker.PackageTracker, None, key):
        await key.deliver("updateLocation", {0: LocationUpdate(timestamp="2024-10-10 13:00", location="Paris")})
        await key.handle.result()
        return [key.handle]


async def quiet(key: EntityKey) -> WorkflowHandle[Any, Any]:
    """The key's workflow, once its history has stopped growing. A new run's first task may start a second late."""
    lengths: list[int] = []

    async def quiet() -> bool:
        lengths.append((await key.handle.describe()).history_length)
        return lengths[-1] > 3 and lengths[-25:] == lengths[-1:] * 25

    await eventually(quiet)
    return key.handle


@asynccontextmanager
async def worker(
    environment: WorkflowEnvironment, workflow: type, activities: object | None, key: EntityKey | None = None
) -> AsyncIterator[str]:
    queue = key.entity.task_queue if key else f"recording-{uuid.uuid4()}"
    methods: list[Callable[..., Awaitable[Any]]] = activity_methods(activities) if activities else []
    async with Worker(environment.client, task_queue=queue, workflows=[workflow], activities=methods):
        yield queue


Scenario = Callable[[WorkflowEnvironment], Awaitable[Handles]]
InAnyMode = Callable[[WorkflowEnvironment, StepMode], Awaitable[Handles]]


def local(scenario: InAnyMode) -> Scenario:
    """The scenario with local steps, under a name of its own."""

    async def with_local_steps(environment: WorkflowEnvironment) -> Handles:
        return await scenario(environment, StepMode.LOCAL)

    with_local_steps.__name__ = f"{scenario.__name__}_local"
    return with_local_steps


ALL: tuple[Scenario, ...] = (
    booked,
    declined,
    cancelled,
    stuck_and_resolved,
    tracked,
    tracked_closed,
    fanned_out,
    fanned_out_wide,
    fanned_out_stopped,
    fed,
    joined,
    given_up,
    *map(local, (booked, declined, cancelled, stuck_and_resolved, tracked, tracked_closed, fed)),
)
