"""Two builds of the workers under load: what ends on the old one, and what moves to the new one."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import MagicMock

import pytest
from pydantic import ValidationError
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowHandle

from activities.booking import BookingActivities
from clients.entities import EntityClient
from domain.booking import BOOKING, TripConfirmation
from domain.inbox import Batch, Message
from domain.message_queue import MESSAGE_QUEUE
from domain.package_tracker import PACKAGE_TRACKER, UPDATE_LOCATION, LocationUpdate, PackageInput
from domain.plans import Plans
from infra.settings import Settings
from tests.dev_server import dev_server
from tests.eventually import eventually
from tests.histories import activities, assert_clean, events
from tests.replay.test_upgrades import InsuredBooking, make_current
from tests.workflows.fakes import Gate
from tests.workflows.test_booking import TRIP, Cars, Flights, Payments, World
from workers.activity_slots import ActivitySlots
from workers.pools import POOLS, Pool
from workflows.booking import BookingWorkflow
from workflows.package_tracker import PackageTracker

DEPLOYMENT = "upgrade"
POOL_OF = {pool.task_queue: pool for pool in POOLS}


@workflow.defn(name=PACKAGE_TRACKER.service, sandboxed=False)
class NewPackageTracker(PackageTracker):
    """The new code of an entity."""

    @workflow.init
    def __init__(self, start: PackageInput) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: PackageInput) -> None:
        await super().run(start)


class Travel(BookingActivities):
    """The activities of a trip, those of the new code too."""

    def __init__(self, world: World) -> None:
        super().__init__(Flights(world), Cars(world), Payments(world))
        self._world = world

    @activity.defn(name="insure")
    async def insure(self) -> None:
        await self._world.call("insure")


class Tasks:
    """The kinds of tasks: a task returns the build that did it."""

    def __init__(self, build_id: str) -> None:
        self._build_id = build_id

    @activity.defn(name="heavy_work")
    async def heavy_work(self) -> str:
        return self._build_id


@asynccontextmanager
async def build(client: Client, build_id: str, world: World, booking: type, tracker: type) -> AsyncIterator[None]:
    """Run the pools of trips, packages and tasks with this code, as `python -m workers` would with this build ID."""
    settings = Settings(worker_deployment=DEPLOYMENT, worker_build_id=build_id)
    resources = MagicMock(settings=settings, slots_of=lambda _, slots: ActivitySlots(slots))
    pools: list[Pool] = [
        replace(POOL_OF[BOOKING.task_queue], workflow=booking, activities=lambda _: Travel(world)),
        replace(POOL_OF[PACKAGE_TRACKER.task_queue], workflow=tracker),
        replace(POOL_OF[MESSAGE_QUEUE.task_queue], activities=lambda _: Tasks(build_id)),
    ]
    async with AsyncExitStack() as running:
        for pool in pools:
            worker = pool.worker(client, resources, timedelta(seconds=20))
            await running.enter_async_context(worker.running())
        yield


class Travellers:
    """Book one trip after the other. The first waits with its payment until the gate is open."""

    def __init__(self, client: Client, world: World) -> None:
        self.trips: list[WorkflowHandle[BookingWorkflow, TripConfirmation]] = []
        self.gate = Gate()
        self.gate.close()
        self._client = client
        world.before["charge"] = self._pay

    async def book(self) -> WorkflowHandle[BookingWorkflow, TripConfirmation]:
        trip = await self._client.start_workflow(
            BookingWorkflow.run, TRIP, id=BOOKING.execution_id(str(uuid.uuid4())), task_queue=BOOKING.task_queue
        )
        self.trips.append(trip)
        return trip

    async def keep_booking(self) -> None:
        while True:
            await (await self.book()).result()

    async def _pay(self) -> None:
        if activity.info().workflow_id == self.trips[0].id:
            await self.gate.passage()


async def send_location(client: Client, number: int) -> WorkflowHandle[Any, Any]:
    location = LocationUpdate.model_validate({"timestamp": f"2024-10-10 13:{number:02}", "location": "a road"})
    batch = Batch[LocationUpdate](messages=[Message(id=str(number), body=location)])
    await EntityClient(client, Plans()).send(PACKAGE_TRACKER, "p-1", UPDATE_LOCATION, batch)
    return client.get_workflow_handle(PACKAGE_TRACKER.execution_id("p-1"))


async def call_task(client: Client) -> str:
    """The build that did the task."""
    task = await client.start_activity(
        "heavy_work",
        id=uuid.uuid4().hex,
        task_queue=MESSAGE_QUEUE.task_queue,
        start_to_close_timeout=timedelta(minutes=1),
        result_type=str,
    )
    done_by: str = await task.result()
    return done_by


async def builds_of(handle: WorkflowHandle[Any, Any]) -> list[str]:
    """The builds that have done its tasks, each once, in order."""
    done = [e.workflow_task_completed_event_attributes for e in await events(handle, "WORKFLOW_TASK_COMPLETED")]
    return list(dict.fromkeys(task.deployment_version.build_id for task in done))


async def test_trips_end_on_their_build_while_entities_and_new_tasks_go_to_the_current_one() -> None:
    world = World()
    async with dev_server({}) as server:
        client, travellers = server.client, Travellers(server.client, world)
        async with build(client, "1", world, BookingWorkflow, PackageTracker):
            await make_current(client, DEPLOYMENT, "1")
            first = await travellers.book()
            await travellers.gate.reached()
            package = await send_location(client, 1)
            await eventually(lambda: builds_of(package))
            assert await call_task(client) == "1"
            load = asyncio.create_task(travellers.keep_booking())
            async with build(client, "2", world, InsuredBooking, NewPackageTracker):
                await make_current(client, DEPLOYMENT, "2")

                async def has_moved() -> bool:
                    return await builds_of(travellers.trips[-2]) == ["2"] if not load.done() else load.result() is None

                await eventually(has_moved)
                await send_location(client, 2)

                async def package_has_moved() -> bool:
                    return await builds_of(package) == ["1", "2"]

                await eventually(package_has_moved)
                assert await call_task(client) == "2"
                travellers.gate.open()
                await first.result()
                load.cancel()
                for trip in travellers.trips:
                    await trip.result()
                builds = [await builds_of(trip) for trip in travellers.trips]
                assert builds[0] == ["1"]
                assert builds == sorted(builds)
                assert {len(each) for each in builds} == {1}
                for trip, [build_id] in zip(travellers.trips, builds, strict=True):
                    assert bool(await activities(trip, "insure")) is (build_id == "2")
                    await assert_clean(trip)
                await assert_clean(package)


@pytest.mark.parametrize(
    "given",
    [
        {"worker_deployment": "patterns"},
        {"worker_build_id": "1.0"},
        {"worker_deployment": "my.patterns", "worker_build_id": "1.0"},
    ],
)
def test_half_a_version_and_a_name_that_temporal_refuses_are_no_settings(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Settings(**given)  # type: ignore[arg-type]
