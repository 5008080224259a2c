"""What local steps cost and show, and that each failure reads as that of an activity, also when it is replayed."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, Worker

from domain.booking import BOOKING, CardDeclined
from domain.payload import MAX_PAYLOAD_BYTES
from domain.steps import StepMode
from infra.payload_keys import KeyRing
from infra.payloads import data_converter
from tests.eventually import eventually
from tests.histories import events
from tests.workflows.fakes import Gate
from tests.workflows.test_booking import TRIP, World, booking_activities, refuse
from workers.activity_methods import activity_methods
from workflows.booking import BookingWorkflow
from workflows.search_attributes import attributes

Handle = WorkflowHandle[BookingWorkflow, Any]
Start = Callable[[], Awaitable[Handle]]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def client(dev_server: WorkflowEnvironment) -> Client:
    """With payloads encrypted, as in production."""
    keys = KeyRing.parse(f"first:{'01' * 32}", "the test's keys")
    return Client(dev_server.client.service_client, data_converter=data_converter(MAX_PAYLOAD_BYTES, keys))


@pytest.fixture
async def start(client: Client, world: World, steps: StepMode) -> AsyncIterator[Start]:
    queue = f"booking-{uuid.uuid4()}"

    async def start_trip() -> Handle:
        trip = TRIP.model_copy(update={"steps": steps})
        found_by = attributes(BOOKING, queue, BOOKING.first_status)
        return await client.start_workflow(
            BookingWorkflow.run, trip, id=queue, task_queue=queue, search_attributes=found_by
        )

    activities = activity_methods(booking_activities(world))
    async with Worker(client, task_queue=queue, workflows=[BookingWorkflow], activities=activities):
        yield start_trip


async def ended(handle: Handle) -> BaseException | None:
    try:
        await handle.result()
    except WorkflowFailureError as failure:
        return failure.cause
    return None


async def test_a_declined_trip_costs_a_seventh_of_the_transitions_with_local_steps(
    start: Start, world: World, steps: StepMode
) -> None:
    world.before["charge"] = refuse(CardDeclined("no"))
    handle = await start()
    await ended(handle)
    described = (await handle.describe()).raw_description.workflow_execution_info
    cost = described.history_length, described.state_transition_count
    assert cost == {StepMode.ACTIVITY: (43, 21), StepMode.LOCAL: (12, 3)}[steps]


@pytest.mark.parametrize("steps", [StepMode.LOCAL], indirect=True)
class TestALocalStep:
    async def test_is_one_event_with_its_name(self, start: Start) -> None:
        handle = await start()
        await ended(handle)
        markers = [event.marker_recorded_event_attributes for event in await events(handle, "MARKER_RECORDED")]
        assert [marker.marker_name for marker in markers] == ["core_local_activity"] * 5
        assert [b'"activity_type":"charge"' in marker.details["data"].payloads[0].data for marker in markers] == [
            *(False, False, True, False, False)
        ]
        assert await events(handle, "ACTIVITY_TASK_SCHEDULED") == []

    async def test_that_fails_goes_on_as_an_activity_which_is_shown_with_its_error(
        self, start: Start, world: World
    ) -> None:
        is_down = True

        async def fail() -> None:
            if is_down:
                raise ConnectionError("the airline is down")

        world.before["reserve flight"] = fail
        handle = await start()

        async def is_shown() -> bool:
            pending = (await handle.describe()).raw_description.pending_activities
            return any(activity.HasField("last_failure") for activity in pending)

        await eventually(is_shown)
        is_down = False
        assert await ended(handle) is None
        assert len(await events(handle, "ACTIVITY_TASK_SCHEDULED")) == 1

    async def test_that_hangs_goes_on_as_an_activity_and_is_replayed_so(
        self, start: Start, world: World, client: Client
    ) -> None:
        """The SDK reports the timeout in one way when it happens, and in another when it is replayed."""
        gate = Gate()
        gate.close()
        world.before["reserve flight"] = gate.passage
        handle = await start()
        await eventually(lambda: _scheduled(handle))
        gate.open()
        assert await ended(handle) is None
        replayer = Replayer(workflows=[BookingWorkflow], data_converter=client.data_converter)
        await replayer.replay_workflow(await handle.fetch_history())

    async def test_that_is_refused_is_not_tried_again(self, start: Start, world: World) -> None:
        world.before["charge"] = refuse(CardDeclined("no"))
        failure = await ended(await start())
        assert isinstance(failure, ApplicationError)
        assert failure.message == "Failed to reserve the trip: no. Ran 3 compensations."
        assert isinstance(failure.__cause__, ActivityError)
        assert isinstance(failure.__cause__.__cause__, ApplicationError)
        assert failure.__cause__.__cause__.type == "CardDeclined"

    async def test_has_its_result_and_its_error_encrypted(self, start: Start, world: World) -> None:
        world.before["charge"] = refuse(CardDeclined("no money"))
        handle = await start()
        failure = await ended(handle)
        assert isinstance(failure, ApplicationError)
        assert "no money" in failure.message
        history = b"".join(event.SerializeToString() for event in (await handle.fetch_history()).events)
        assert b"reserve_flight" in history
        assert b"id of reserve flight" not in history
        assert b"no money" not in history


async def _scheduled(handle: Handle) -> bool:
    return bool(await events(handle, "ACTIVITY_TASK_SCHEDULED"))
