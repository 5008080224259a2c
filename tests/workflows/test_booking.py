"""The saga with fakes that can fail and hang, and record every call."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.booking import BookingActivities
from domain.booking import (
    BOOKING,
    CardDeclined,
    CardToken,
    CarRequest,
    CarReservation,
    Charge,
    FlightRequest,
    FlightReservation,
    FlightSoldOut,
    Payment,
    Trip,
    TripConfirmation,
    TripStatus,
)
from domain.compensation import CompensationStatus, Resolution
from domain.steps import StepMode
from tests.eventually import eventually
from tests.workflows.fakes import Gate
from workers.activity_methods import activity_methods
from workflows import search_attributes
from workflows.booking import BookingWorkflow

TRIP = Trip(
    flight=FlightRequest(flight_id="12345", passenger_name="John Doe"),
    car=CarRequest(pickup_location="Airport", rental_date=date(2024, 12, 16)),
    payment=Payment(card=CardToken(token="tok_1", last4="4242"), amount_cents=1500),
)


@dataclass
class World:
    """Airline, rental company and card network in one: records every call, and runs what a test sets before it."""

    calls: list[str] = field(default_factory=list)
    before: dict[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)

    async def call(self, name: str) -> str:
        if name in self.before:
            await self.before[name]()
        self.calls.append(name)
        return f"id of {name}"

    def done(self) -> list[str]:
        """The calls, a repeated one counted once."""
        return list(dict.fromkeys(self.calls))


class Flights:
    def __init__(self, world: World) -> None:
        self._world = world

    async def reserve(self, reservation: FlightReservation) -> str:
        return await self._world.call("reserve flight")

    async def confirm(self, key: str) -> None:
        await self._world.call("confirm flight")

    async def cancel(self, key: str) -> None:
        await self._world.call("cancel flight")


class Cars:
    def __init__(self, world: World) -> None:
        self._world = world

    async def reserve(self, reservation: CarReservation) -> str:
        return await self._world.call("reserve car")

    async def confirm(self, key: str) -> None:
        await self._world.call("confirm car")

    async def cancel(self, key: str) -> None:
        await self._world.call("cancel car")


class Payments:
    def __init__(self, world: World) -> None:
        self._world = world

    async def charge(self, charge: Charge) -> None:
        await self._world.call("charge")

    async def refund(self, key: str) -> None:
        await self._world.call("refund")


def booking_activities(world: World) -> BookingActivities:
    return BookingActivities(Flights(world), Cars(world), Payments(world))


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def start(
    time_skipping: WorkflowEnvironment, world: World, steps: StepMode
) -> AsyncIterator[Callable[[], Awaitable[WorkflowHandle[BookingWorkflow, TripConfirmation]]]]:
    queue = f"booking-{uuid.uuid4()}"
    activities = booking_activities(world)

    async def start_trip() -> WorkflowHandle[BookingWorkflow, TripConfirmation]:
        trip_id = BOOKING.execution_id(str(uuid.uuid4()))
        trip = TRIP.model_copy(update={"steps": steps})
        return await time_skipping.client.start_workflow(BookingWorkflow.run, trip, id=trip_id, task_queue=queue)

    async with Worker(
        time_skipping.client,
        task_queue=queue,
        workflows=[BookingWorkflow],
        activities=activity_methods(activities),
    ):
        yield start_trip


Start = Callable[[], Awaitable[WorkflowHandle[BookingWorkflow, TripConfirmation]]]
FORWARD = ["reserve flight", "reserve car", "charge", "confirm flight", "confirm car"]
ALL_UNDONE = ["refund", "cancel car", "cancel flight"]


def refuse(error: ApplicationError) -> Callable[[], Awaitable[None]]:
    async def fail() -> None:
        raise error

    return fail


async def out_of_reach() -> None:
    raise ConnectionError("they are out of reach")


async def failure_of(handle: WorkflowHandle[BookingWorkflow, TripConfirmation]) -> ApplicationError:
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert isinstance(caught.value.cause, ApplicationError)
    return caught.value.cause


async def until_an_operator_must_decide(handle: WorkflowHandle[BookingWorkflow, TripConfirmation]) -> None:
    """Wait until a compensation that is refused for good is stuck, and its second attempt has ended.

    The test server rejects the cancellation of an activity that has just ended, and loses the update.
    """

    async def tried_twice() -> bool:
        state = await handle.query(BookingWorkflow.state)
        others_are_done = sum(each.status is CompensationStatus.DONE for each in state.compensations) == 2
        history = await handle.fetch_history()
        refusals = [
            event.event_type for event in history.events if event.HasField("activity_task_failed_event_attributes")
        ]
        markers = [
            event.event_type for event in history.events if event.marker_recorded_event_attributes.failure.message
        ]
        refused = ("the charge", "the compensation", "the compensation, retried")
        return others_are_done and len(refusals + markers) == len(refused)

    await until_status(handle, TripStatus.COMPENSATION_STUCK)
    await eventually(tried_twice)


class TestBooking:
    async def test_books_everything_in_order_and_confirms(self, start: Start, world: World) -> None:
        handle = await start()
        confirmation = await handle.result()
        assert world.calls == FORWARD
        assert confirmation.flight_reservation_id == "id of reserve flight"
        assert confirmation.card == "**** 4242"
        state = await handle.query(BookingWorkflow.state)
        assert state.status is TripStatus.BOOKED

    async def test_a_step_that_fails_briefly_is_retried(self, start: Start, world: World) -> None:
        attempts = iter([ConnectionError("airline is restarting"), ConnectionError("still")])

        async def sometimes() -> None:
            if error := next(attempts, None):
                raise error

        world.before["reserve flight"] = sometimes
        await (await start()).result()
        assert world.calls == FORWARD

    @pytest.mark.parametrize("steps", [StepMode.ACTIVITY], indirect=True)
    async def test_shows_which_steps_are_done(self, start: Start, world: World) -> None:
        charge = Gate()
        charge.close()
        world.before["charge"] = charge.passage
        handle = await start()
        await charge.reached()
        shown: WorkflowMetadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
        assert shown.current_details == "BOOKING. Done: reserve flight, reserve car."
        charge.open()
        await handle.result()


class TestCompensation:
    async def test_cancels_in_reverse_order_when_the_card_is_declined(self, start: Start, world: World) -> None:
        world.before["charge"] = refuse(CardDeclined("👻 Payment could not be accepted!"))
        error = await failure_of(await start())
        assert world.calls == ["reserve flight", "reserve car", "refund", "cancel car", "cancel flight"]
        assert error.type == "TripFailed"
        assert error.message == ("Failed to reserve the trip: 👻 Payment could not be accepted!. Ran 3 compensations.")
        [details] = error.details
        assert details["cause"] == "CardDeclined"
        assert [each["name"] for each in details["compensations"]] == ["refund payment", "cancel car", "cancel flight"]

    async def test_a_refused_reservation_has_nothing_to_undo(self, start: Start, world: World) -> None:
        world.before["reserve flight"] = refuse(FlightSoldOut("No seat left on 12345."))
        error = await failure_of(await start())
        assert world.calls == []
        assert error.message.endswith("Ran 0 compensations.")

    async def test_a_reservation_that_never_answered_is_cancelled_too(
        self, start: Start, world: World, steps: StepMode
    ) -> None:
        """With local steps everything is: a lost task may have done more."""

        async def down() -> None:
            raise ConnectionError("airline is down")

        world.before["reserve flight"] = down
        error = await failure_of(await start())
        undone = ALL_UNDONE if steps is StepMode.LOCAL else ["cancel flight"]
        assert world.calls == undone
        assert error.message.endswith(f"Ran {len(undone)} compensations.")

    async def test_a_failed_confirmation_undoes_the_whole_trip(self, start: Start, world: World) -> None:
        world.before["confirm car"] = refuse(ApplicationError("gone", type="ReservationCancelled", non_retryable=True))
        await failure_of(await start())
        assert world.done()[-3:] == ALL_UNDONE

    async def test_one_stuck_compensation_does_not_stop_the_others_and_can_be_resolved(
        self, start: Start, world: World
    ) -> None:
        world.before["charge"] = refuse(CardDeclined("no"))
        world.before["cancel car"] = refuse(ApplicationError("closed", non_retryable=True))
        handle = await start()
        await until_an_operator_must_decide(handle)
        assert "cancel flight" in world.calls
        state = await handle.execute_update(
            BookingWorkflow.resolve_compensation, Resolution(compensation="cancel car", note="phoned them")
        )
        assert {each.name: each.status for each in state.compensations}["cancel car"] is CompensationStatus.RESOLVED
        [details] = (await failure_of(handle)).details
        assert {"name": "cancel car", "status": "RESOLVED", "note": "phoned them"} in details["compensations"]

    async def test_a_stuck_compensation_is_retried_when_an_operator_asks(self, start: Start, world: World) -> None:
        world.before["charge"] = refuse(CardDeclined("no"))
        world.before["cancel car"] = refuse(ApplicationError("closed", non_retryable=True))
        handle = await start()
        await until_an_operator_must_decide(handle)
        del world.before["cancel car"]
        await handle.execute_update(
            BookingWorkflow.resolve_compensation, Resolution(compensation="cancel car", retry=True)
        )
        await failure_of(handle)
        assert "cancel car" in world.calls

    async def test_a_compensation_that_fails_for_a_minute_is_shown_as_stuck_and_retried_until_it_succeeds(
        self, start: Start, world: World, time_skipping: WorkflowEnvironment
    ) -> None:
        world.before["charge"] = refuse(CardDeclined("no"))
        world.before["cancel car"] = out_of_reach
        handle = await start()
        await eventually(lambda: "refund" in world.calls)
        assert "cancel flight" not in world.calls
        await until_stuck(handle, time_skipping, 1)
        state = await handle.query(BookingWorkflow.state)
        assert [(each.name, each.status) for each in state.compensations] == [
            ("refund payment", CompensationStatus.DONE),
            ("cancel car", CompensationStatus.STUCK),
            ("cancel flight", CompensationStatus.DONE),
        ]
        assert "out of reach" in state.compensations[1].note
        shown = (await handle.describe()).typed_search_attributes
        assert shown[search_attributes.STATUS] == "COMPENSATION_STUCK"
        del world.before["cancel car"]
        [details] = (await failure_of(handle)).details
        assert [each["status"] for each in details["compensations"]] == ["DONE"] * 3

    async def test_an_operator_resolves_a_compensation_that_is_being_retried(
        self, start: Start, world: World, time_skipping: WorkflowEnvironment
    ) -> None:
        world.before["charge"] = refuse(CardDeclined("no"))
        world.before["cancel car"] = world.before["refund"] = out_of_reach
        handle = await start()
        await until_stuck(handle, time_skipping, 2)
        for resolution in (
            Resolution(compensation="cancel car", note="phoned them"),
            Resolution(compensation="refund payment", note="paid in cash"),
        ):
            await handle.execute_update(BookingWorkflow.resolve_compensation, resolution)
        [details] = (await failure_of(handle)).details
        assert details["compensations"][:2] == [
            {"name": "refund payment", "status": "RESOLVED", "note": "paid in cash"},
            {"name": "cancel car", "status": "RESOLVED", "note": "phoned them"},
        ]


class TestCancellation:
    @pytest.mark.parametrize("at", FORWARD)
    async def test_a_trip_cancelled_during_a_step_is_undone(
        self, start: Start, world: World, at: str, steps: StepMode
    ) -> None:
        """The step in flight ends before its compensation runs: the compensation must find what it has to undo."""
        reached, go_on = asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            reached.set()
            await go_on.wait()

        world.before[at] = hold
        handle = await start()
        await reached.wait()
        await handle.cancel()
        await until_cancel_is_recorded(handle)
        go_on.set()
        with pytest.raises(WorkflowFailureError) as caught:
            await handle.result()
        assert isinstance(caught.value.cause, CancelledError)
        begun = FORWARD[: FORWARD.index(at) + 1]
        undo = {"reserve flight": "cancel flight", "reserve car": "cancel car", "charge": "refund"}
        known = [undo[step] for step in reversed(begun) if step in undo]
        assert world.done() == [*begun, *(ALL_UNDONE if steps is StepMode.LOCAL else known)]

    @pytest.mark.parametrize("steps", [StepMode.ACTIVITY], indirect=True)
    async def test_a_trip_cancelled_while_it_compensates_is_still_undone(self, start: Start, world: World) -> None:
        reached, go_on = asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            reached.set()
            await go_on.wait()

        world.before["charge"] = refuse(CardDeclined("no."))
        world.before["cancel car"] = hold
        handle = await start()
        await reached.wait()
        await handle.cancel()
        go_on.set()
        error = await failure_of(handle)
        assert error.message == "Failed to reserve the trip: no. Ran 3 compensations."
        assert [each["status"] for each in error.details[0]["compensations"]] == ["DONE"] * 3


async def until_status(handle: WorkflowHandle[BookingWorkflow, TripConfirmation], status: TripStatus) -> None:
    async def reached() -> bool:
        return (await handle.query(BookingWorkflow.state)).status is status

    await eventually(reached)


async def until_stuck(
    handle: WorkflowHandle[BookingWorkflow, TripConfirmation], time_skipping: WorkflowEnvironment, compensations: int
) -> None:
    """Let a minute pass until as many compensations are stuck: one begins late on a busy machine."""

    async def are_stuck() -> bool:
        await time_skipping.sleep(timedelta(minutes=1))
        state = await handle.query(BookingWorkflow.state)
        stuck = sum(each.status is CompensationStatus.STUCK for each in state.compensations)
        return state.status is TripStatus.COMPENSATION_STUCK and stuck == compensations

    await eventually(are_stuck)


async def until_cancel_is_recorded(handle: WorkflowHandle[BookingWorkflow, TripConfirmation]) -> None:
    """Wait until the workflow has asked for the cancellation of its activity."""

    async def recorded() -> bool:
        events = (await handle.fetch_history()).events
        return any(event.HasField("activity_task_cancel_requested_event_attributes") for event in events)

    await eventually(recorded)
