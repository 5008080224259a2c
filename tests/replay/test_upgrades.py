"""Two ways to change a workflow with open executions: each begins on the old code and ends on the new.

The old code is the saga as it is. The new code insures the trip before anything else.
"""

import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity, workflow
from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, Worker, WorkerDeploymentConfig
from temporalio.workflow import ContinueAsNewVersioningBehavior, NondeterminismError

from activities.booking import BookingActivities
from domain.booking import Trip, TripConfirmation
from tests.dev_server import dev_server
from tests.eventually import eventually
from tests.histories import assert_clean
from tests.workflows.fakes import Gate
from tests.workflows.test_booking import FORWARD, TRIP, Cars, Flights, Payments, World
from workers.activity_methods import activity_methods
from workflows.booking import BookingWorkflow

INSURED = ["insure", *FORWARD]


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[WorkflowEnvironment]:
    async with dev_server({}) as environment:
        yield environment


async def insure() -> None:
    await workflow.execute_activity("insure", start_to_close_timeout=timedelta(seconds=10))


@workflow.defn(name="BookingWorkflow", sandboxed=False)
class PatchedBooking(BookingWorkflow):
    """New executions insure the trip, open ones do not."""

    @workflow.run
    async def run(self, trip: Trip) -> TripConfirmation:
        if workflow.patched("insurance"):
            await insure()
        return await super().run(trip)


@workflow.defn(name="BookingWorkflow", sandboxed=False)
class InsuredBooking(BookingWorkflow):
    """The new code without a patch, as a build of its own."""

    @workflow.run
    async def run(self, trip: Trip) -> TripConfirmation:
        await insure()
        return await super().run(trip)


class Release:
    """A task queue whose workers run the code that a test gives them."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.queue = f"upgrade-{uuid.uuid4()}"
        self.world = World()
        self.gate = Gate()
        self.world.before["charge"] = self.gate.passage

    def worker(self, code: type, build: str | None = None) -> Worker:
        @activity.defn(name="insure")
        async def insure_trip() -> None:
            await self.world.call("insure")

        steps = BookingActivities(Flights(self.world), Cars(self.world), Payments(self.world))
        return Worker(
            self.client,
            task_queue=self.queue,
            workflows=[code],
            activities=[*activity_methods(steps), insure_trip],
            deployment_config=versioned(self.queue, build) if build else None,
            max_cached_workflows=0,  # so that another worker can continue at once
        )

    async def book(self) -> WorkflowHandle[BookingWorkflow, TripConfirmation]:
        return await self.client.start_workflow(
            BookingWorkflow.run, TRIP, id=f"booking:{uuid.uuid4()}", task_queue=self.queue
        )


def versioned(deployment: str, build: str) -> WorkerDeploymentConfig:
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(deployment, build),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )


async def make_current(client: Client, deployment: str, build: str) -> None:
    """Let new executions begin on `build`, once one of its workers has polled."""

    async def made() -> bool:
        with suppress(RPCError):  # as long as no worker of the build has polled
            await client.workflow_service.set_worker_deployment_current_version(
                SetWorkerDeploymentCurrentVersionRequest(
                    namespace=client.namespace, deployment_name=deployment, build_id=build
                )
            )
            return True
        return False

    await eventually(made)


@pytest.fixture
def release(server: WorkflowEnvironment) -> Release:
    return Release(server.client)


class TestPatch:
    async def test_a_trip_that_began_before_the_patch_finishes_without_it_and_a_new_one_has_it(
        self, release: Release
    ) -> None:
        release.gate.close()
        async with release.worker(BookingWorkflow):
            trip = await release.book()
            await release.gate.reached()
        release.gate.open()
        async with release.worker(PatchedBooking):
            await trip.result()
            assert release.world.done() == FORWARD
            release.world.calls.clear()
            await (await release.book()).result()
            assert release.world.done() == INSURED
        await assert_clean(trip)

    async def test_the_same_change_without_a_patch_would_have_stopped_the_trip(self, release: Release) -> None:
        async with release.worker(BookingWorkflow):
            trip = await release.book()
            await trip.result()
        with pytest.raises(NondeterminismError):
            await replayed(trip, InsuredBooking)
        await replayed(trip, PatchedBooking)


async def replayed(trip: WorkflowHandle[Any, Any], code: type) -> None:
    replayer = Replayer(workflows=[code], data_converter=trip._client.data_converter)
    await replayer.replay_workflow(await trip.fetch_history())


class TestWorkerVersions:
    async def test_an_open_trip_stays_on_its_build_and_a_new_one_begins_on_the_current_build(
        self, release: Release
    ) -> None:
        release.gate.close()
        async with release.worker(BookingWorkflow, "1.0"):
            await make_current(release.client, release.queue, "1.0")
            trip = await release.book()
            await release.gate.reached()
            async with release.worker(InsuredBooking, "2.0"):
                await make_current(release.client, release.queue, "2.0")
                release.gate.open()
                await trip.result()
                assert release.world.done() == FORWARD
                release.world.calls.clear()
                insured = await release.book()
                await insured.result()
                assert release.world.done() == INSURED
        assert [await build_of(trip), await build_of(insured)] == ["1.0", "2.0"]
        await assert_clean(trip)

    async def test_a_run_that_continues_as_new_moves_to_the_current_build_if_it_asks_to(self, release: Release) -> None:
        async with (
            Worker(
                release.client,
                task_queue=release.queue,
                workflows=[OldClock],
                deployment_config=versioned(release.queue, "1.0"),
            ),
            Worker(
                release.client,
                task_queue=release.queue,
                workflows=[NewClock],
                deployment_config=versioned(release.queue, "2.0"),
            ),
        ):
            await make_current(release.client, release.queue, "1.0")
            asking, staying = [
                await release.client.start_workflow("Clock", asks, id=f"clock-{uuid.uuid4()}", task_queue=release.queue)
                for asks in (True, False)
            ]
            for clock in (asking, staying):
                assert await clock.query("code") == "old"
            await make_current(release.client, release.queue, "2.0")
            for clock in (asking, staying):
                await clock.signal("turn")
            assert [await each.result() for each in (asking, staying)] == ["new", "old"]


async def build_of(trip: WorkflowHandle[Any, Any]) -> str:
    info = (await trip.describe()).raw_description.workflow_execution_info
    return info.versioning_info.deployment_version.build_id


class Clock:
    """An entity whose first run ends with a signal. Its second run returns which code it runs on."""

    code = ""

    def __init__(self) -> None:
        self._turned = False

    async def live(self, asks: bool, is_second: bool) -> str:
        if not is_second:
            await workflow.wait_condition(lambda: self._turned)
            upgrade = ContinueAsNewVersioningBehavior.AUTO_UPGRADE if asks else None
            workflow.continue_as_new(args=[asks, True], initial_versioning_behavior=upgrade)
        return self.code

    @workflow.signal
    def turn(self) -> None:
        self._turned = True

    @workflow.query(name="code")
    def code_now(self) -> str:
        return self.code


@workflow.defn(name="Clock", sandboxed=False)
class OldClock(Clock):
    code = "old"

    @workflow.run
    async def run(self, asks: bool, is_second: bool = False) -> str:
        return await self.live(asks, is_second)


@workflow.defn(name="Clock", sandboxed=False)
class NewClock(Clock):
    code = "new"

    @workflow.run
    async def run(self, asks: bool, is_second: bool = False) -> str:
        return await self.live(asks, is_second)
