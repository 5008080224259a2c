"""Record the histories that `test_replay.py` replays: `python -m tests.replay.record`, once per change that is meant.

A recorded history stands for the executions that are open somewhere with the code of that day. Add files; replace one
only when no such execution can be open any more.
"""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.booking import BookingActivities
from activities.fan_out import FanOutActivities
from activities.payment_tracker import PaymentTrackerActivities
from activities.user_feed import UserFeedActivities
from domain.errors import CardDeclined
from domain.fan_out import Job
from domain.package_tracker import LocationUpdate, PackagePlan, PackageRegistration
from domain.payment_tracker import PaymentEvent, PaymentEventData, ReminderPlan
from domain.user_feed import ModerationPlan, SocialMediaPost, Verdict
from tests.eventually import eventually
from tests.workflows.entity_key import EntityKey
from tests.workflows.fakes import FakeBilling, FakeMail, FakeModeration, FakePosts, FakeSubtasks, anytime
from tests.workflows.test_booking import TRIP, Cars, Flights, Payments, World, refuse
from workers.activity_methods import activity_methods
from workflows import package_tracker, payment_tracker, search_attributes, user_feed
from workflows.booking import BookingWorkflow
from workflows.fan_out import FanOutWorker

HISTORIES = Path(__file__).parent / "histories"
Handle = WorkflowHandle[Any, Any]


async def main() -> None:
    """Run each scenario on a real server, and write its history."""
    binary = shutil.which("temporal", path=str(Path(sys.executable).parent))
    async with await WorkflowEnvironment.start_local(
        data_converter=pydantic_data_converter,
        dev_server_existing_path=binary,
        dev_server_log_level="error",
        search_attributes=search_attributes.ALL,
    ) as environment:
        for scenario in (booked, declined, tracked, fanned_out, fed, joined):
            handle = await scenario(environment)
            history = await handle.fetch_history()
            document = _without_traces_of_this_machine(json.loads(history.to_json()))
            (HISTORIES / f"{scenario.__name__}.json").write_text(json.dumps(document, indent=1) + "\n")


def _without_traces_of_this_machine(part: Any) -> Any:
    """A history's JSON without stack traces and names of processes, which replaying does not need."""
    if isinstance(part, dict):
        return {
            name: _without_traces_of_this_machine(value)
            for name, value in part.items()
            if name not in ("stackTrace", "identity")
        }
    if isinstance(part, list):
        return [_without_traces_of_this_machine(each) for each in part]
    return "worker" if isinstance(part, str) and "@" in part else part


async def booked(environment: WorkflowEnvironment) -> Handle:
    return await _book(environment, World())


async def declined(environment: WorkflowEnvironment) -> Handle:
    return await _book(environment, World(before={"charge": refuse(CardDeclined("no"))}))


async def _book(environment: WorkflowEnvironment, world: World) -> Handle:
    steps = BookingActivities(Flights(world), Cars(world), Payments(world))
    async with _worker(environment, BookingWorkflow, steps) as queue:
        handle = await environment.client.start_workflow(
            BookingWorkflow.run, TRIP, id=f"booking:trip{len(world.before)}", task_queue=queue
        )
        try:
            await handle.result()
        except WorkflowFailureError:
            assert world.before
        return handle


async def tracked(environment: WorkflowEnvironment) -> Handle:
    """Three reminders, the escalation, and the payment after it."""
    plan = ReminderPlan(interval=timedelta(milliseconds=300))
    billing, mail = FakeBilling(anytime), FakeMail(anytime)
    key = EntityKey(environment.client, payment_tracker.entity(plan), "invoice123")
    event = PaymentEvent(type="invoice", created=1, data=PaymentEventData(id="evt_1", customer="cus_1"))
    async with _worker(environment, payment_tracker.PaymentTracker, PaymentTrackerActivities(billing, mail), key):
        await key.send("onPaymentFailure", event)
        await eventually(lambda: billing.tickets)
        await key.send("onPaymentSuccess", event)
        await eventually(lambda: billing.settled)
        return await _quiet(key)


async def fanned_out(environment: WorkflowEnvironment) -> Handle:
    async with _worker(environment, FanOutWorker, FanOutActivities(FakeSubtasks())) as queue:
        job = Job(description="get out of bed,shower,make coffee,have breakfast")
        handle = await environment.client.start_workflow(FanOutWorker.run, job, id="fan-out:job", task_queue=queue)
        await handle.result()
        return handle


async def fed(environment: WorkflowEnvironment) -> Handle:
    """Two posts, the first of which waits for moderation, and a rejected one."""
    posts = FakePosts()
    moderation = FakeModeration(posts, {"1": Verdict.PENDING, "spam": Verdict.REJECTED})
    plan = ModerationPlan(poll_interval=timedelta(milliseconds=100))
    key = EntityKey(environment.client, user_feed.entity(plan), "userid1")
    async with _worker(environment, user_feed.UserFeed, UserFeedActivities(posts, moderation), key):
        contents = dict(enumerate(("1", "2", "spam")))
        await key.deliver("processPost", {n: SocialMediaPost(content=c, metadata="") for n, c in contents.items()})
        await eventually(lambda: moderation.asked.count("1") > 2)
        moderation.verdicts["1"] = Verdict.APPROVED
        await eventually(lambda: len(posts.finished()) == len(contents))
        return await _quiet(key)


async def joined(environment: WorkflowEnvironment) -> Handle:
    """A location before the registration, and one after it."""
    key = EntityKey(environment.client, package_tracker.entity(PackagePlan()), "package1")
    async with _worker(environment, package_tracker.PackageTracker, None, key):
        await key.deliver("updateLocation", {0: LocationUpdate(timestamp="2024-10-10 13:00", location="Paris")})
        await key.send("registerPackage", PackageRegistration(final_destination="Bridge 6, Amsterdam"))
        await key.deliver("updateLocation", {1: LocationUpdate(timestamp="2024-10-10 14:00", location="Brussels")})
        return await _quiet(key)


async def _quiet(key: EntityKey) -> Handle:
    """The key's workflow, once its history has stopped growing."""
    lengths: list[int] = []

    async def quiet() -> bool:
        lengths.append((await key.handle.describe()).history_length)
        return len(lengths) > 25 and len(set(lengths[-25:])) == 1

    await eventually(quiet)
    return key.handle


@asynccontextmanager
async def _worker(
    environment: WorkflowEnvironment, workflow: type, activities: object | None, key: EntityKey | None = None
) -> AsyncIterator[str]:
    queue = key.entity.pattern.task_queue if key else "recording"
    methods: list[Callable[..., Awaitable[Any]]] = activity_methods(activities) if activities else []
    async with Worker(environment.client, task_queue=queue, workflows=[workflow], activities=methods):
        yield queue


if __name__ == "__main__":
    asyncio.run(main())
    os._exit(0)  # the SDK's threads can trip over the end of the interpreter
