"""Saga: book a flight, a car and a payment together, or undo all of them.

    reserve flight ─ reserve car ─ charge ─ confirm flight ─ confirm car ─► booked
         │               │           │
    cancel flight ◄─ cancel car ◄─ refund          on any failure, or when cancelled

Flight and car are two-phase: reserved, then confirmed or cancelled. The payment is made in one step, under an ID
that is chosen beforehand, so that it can be refunded even if it is unknown whether the charge succeeded.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.booking import BookingActivities
    from domain.booking import (
        BOOKING,
        CarReservation,
        Charge,
        FlightReservation,
        KeyReused,
        Payment,
        PaymentCancelled,
        ReservationCancelled,
        Trip,
        TripConfirmation,
        TripFailed,
        TripState,
        TripStatus,
    )
    from domain.compensation import Resolution
    from workflows.compensation import Compensations
    from workflows.policies import BOOKING_STEP
    from workflows.status import StatusDisplay
    from workflows.steps import Steps, error_of, error_type, got_no_answer, was_refused

Request = TypeVar("Request")
Result = TypeVar("Result")
COMPENSATIONS: dict[str, tuple[Callable[[BookingActivities, str], Awaitable[None]], str]] = {
    "cancel flight": (BookingActivities.cancel_flight, "flight"),
    "cancel car": (BookingActivities.cancel_car, "car"),
    "refund payment": (BookingActivities.refund, "payment"),
}
"""Each compensation by its name: the activity, and the key of the step that it undoes, in the order of the steps."""


@workflow.defn(name=BOOKING.service)
class BookingWorkflow:
    """One trip, until it is booked or everything is undone.

    Query: state. Update: resolve_compensation, by an operator, when a compensation is stuck.
    """

    @workflow.init
    def __init__(self, trip: Trip) -> None:
        self._status = TripStatus.BOOKING
        self._done: list[str] = []
        self._steps = Steps(trip.steps, on_activity=lambda: self._show(searchable=True))
        self._compensations = Compensations(self._steps, on_change=self._show)
        self._display = StatusDisplay()

    @workflow.run
    async def run(self, trip: Trip) -> TripConfirmation:
        self._enter(TripStatus.BOOKING)
        try:
            confirmation = await self._book(trip)
        except (ActivityError, asyncio.CancelledError) as failure:
            self._enter(TripStatus.COMPENSATING)
            await self._compensate(failure)
            if is_cancelled_exception(failure):
                self._enter(TripStatus.CANCELLED)
                raise
            if got_no_answer(failure) and workflow.cancellation_reason() is not None:
                self._enter(TripStatus.CANCELLED)
                raise asyncio.CancelledError from failure
            self._enter(TripStatus.FAILED)
            raise self._failed(failure) from failure
        self._enter(TripStatus.BOOKED)
        return confirmation

    async def _book(self, trip: Trip) -> TripConfirmation:
        flight = FlightReservation(key=_key("flight"), flight=trip.flight)
        flight_id = await self._reserve(
            "reserve flight", BookingActivities.reserve_flight, flight, compensation="cancel flight"
        )
        car = CarReservation(key=_key("car"), car=trip.car)
        car_id = await self._reserve("reserve car", BookingActivities.reserve_car, car, compensation="cancel car")
        self._compensate_with("refund payment")
        await self._pay_and_confirm(trip.payment)
        if _was_reset():
            await self._pay_and_confirm(trip.payment)  # repeat the steps: the run before the reset may have undone them
        trip_id = BOOKING.key_of(workflow.info().workflow_id)
        return trip.confirmed(
            trip_id, flight_reservation_id=flight_id, car_reservation_id=car_id, payment_id=_key("payment")
        )

    async def _reserve(
        self,
        summary: str,
        reserve: Callable[[BookingActivities, Request], Awaitable[Result]],
        request: Request,
        compensation: str,
    ) -> Result:
        self._compensate_with(compensation)
        try:
            return await self._step(summary, reserve, request)
        except ActivityError as failure:
            if was_refused(failure):
                self._compensations.withdraw(compensation)
            raise

    async def _pay_and_confirm(self, payment: Payment) -> None:
        charge = Charge(key=_key("payment"), payment=payment)
        await self._step("charge card", BookingActivities.charge, charge)
        await self._step("confirm flight", BookingActivities.confirm_flight, _key("flight"))
        await self._step("confirm car", BookingActivities.confirm_car, _key("car"))

    async def _step(
        self, summary: str, activity: Callable[[BookingActivities, Request], Awaitable[Result]], request: Request
    ) -> Result:
        result = await self._steps.run(activity, request, BOOKING_STEP, summary, to_its_end=True)
        self._done.append(summary)
        self._show()
        return result

    def _compensate_with(self, name: str) -> None:
        activity, step = COMPENSATIONS[name]
        key = _key(step)
        self._compensations.register(name, lambda steps, policy: steps.run(activity, key, policy, summary=name))

    async def _compensate(self, failure: BaseException) -> None:
        if error_type(failure) == KeyReused.__name__:
            self._compensations.withdraw_all()  # these keys belong to an earlier trip with this ID
        if _was_reset() or _key_is_spent(failure) or self._steps.may_have_done_more(failure):
            for name in COMPENSATIONS:  # an earlier run, or a lost task of this one, may have done more
                self._compensate_with(name)
        await self._compensations.run()

    def _failed(self, failure: BaseException) -> TripFailed:
        compensations = self._compensations.report()
        error = error_of(failure)
        reason = error.message if error else f"a step got no answer: {failure.__cause__}"
        return TripFailed(
            f"Failed to reserve the trip: {reason.rstrip('.')}. Ran {len(compensations)} compensations.",
            {
                "cause": error_type(failure) or type(failure.__cause__).__name__,
                "compensations": [each.model_dump(mode="json", by_alias=True) for each in compensations],
            },
        )

    def _enter(self, status: TripStatus) -> None:
        self._status = status
        self._show()

    def _show(self, *, searchable: bool = False) -> None:
        """Local steps end within a task: the status during them is over before anyone could search for it."""
        stuck, status = self._compensations.stuck(), self._status_now()
        waiting = f" Stuck, retried until an operator resolves it: {', '.join(stuck)}." if stuck else ""
        is_brief = self._steps.are_local and status in (TripStatus.BOOKING, TripStatus.COMPENSATING)
        details = f"Done: {', '.join(self._done) or 'nothing'}.{waiting}"
        self._display.show(status, details, searchable=searchable or not is_brief)

    def _status_now(self) -> TripStatus:
        is_stuck = self._status is TripStatus.COMPENSATING and self._compensations.stuck()
        return TripStatus.COMPENSATION_STUCK if is_stuck else self._status

    @workflow.query
    def state(self) -> TripState:
        return TripState(status=self._status_now(), done=self._done, compensations=self._compensations.report())

    @workflow.update
    def resolve_compensation(self, resolution: Resolution) -> TripState:
        self._compensations.resolve(resolution)
        return self.state()

    @resolve_compensation.validator
    def _is_stuck(self, resolution: Resolution) -> None:
        if resolution.compensation not in self._compensations.stuck():
            raise ApplicationError(f"{resolution.compensation!r} is not stuck.", type="NotStuck")


def _key(step: str) -> str:
    return f"{workflow.info().workflow_id}:{step}"


def _was_reset() -> bool:
    """Whether an operator reset the trip: this run does not know what the run before it did after the reset point."""
    info = workflow.info()
    return info.run_id != info.first_execution_run_id


def _key_is_spent(failure: BaseException) -> bool:
    """Whether an earlier run of this trip has undone some of it, or all."""
    return error_type(failure) in (ReservationCancelled.__name__, PaymentCancelled.__name__)
