"""Saga: book a flight, a car and a payment together, or leave no trace of them.

    reserve flight ─ reserve car ─ charge ─ confirm flight ─ confirm car ─► booked
         │               │           │
    cancel flight ◄─ cancel car ◄─ refund          on any failure, or when cancelled

Flight and car are two-phase: reserved, then confirmed or cancelled. The payment is made in one shot, under an ID
chosen beforehand, by which it can be refunded even if nobody knows whether it went through.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, TimeoutError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.booking import BookingActivities
    from domain.booking import (
        CarReservation,
        Charge,
        FlightReservation,
        Payment,
        Resolution,
        Trip,
        TripConfirmation,
        TripState,
        TripStatus,
    )
    from domain.errors import KeyReused, PaymentCancelled, ReservationCancelled, TripFailed
    from domain.patterns import BOOKING
    from workflows import policies
    from workflows.compensation import Compensations
    from workflows.search_attributes import STATUS

Request = TypeVar("Request")
Result = TypeVar("Result")
UNDOS: dict[str, tuple[Callable[[BookingActivities, str], Awaitable[None]], str]] = {
    "cancel flight": (BookingActivities.cancel_flight, "flight"),
    "cancel car": (BookingActivities.cancel_car, "car"),
    "refund payment": (BookingActivities.refund, "payment"),
}
"""Each undo by its name, and what it undoes, in the order of the steps."""


@workflow.defn(name="BookingWorkflow")
class BookingWorkflow:
    """One trip, from its reservations to booked, or to everything undone.

    Query: state. Update: resolve_compensation, by an operator, when an undo is stuck.
    """

    def __init__(self) -> None:
        self._status = TripStatus.BOOKING
        self._shown: TripStatus | None = None
        self._done: list[str] = []
        self._compensations = Compensations(on_change=self._show)

    @workflow.run
    async def run(self, trip: Trip) -> TripConfirmation:
        try:
            confirmation = await self._book(trip)
        except (ActivityError, asyncio.CancelledError) as failure:
            self._enter(TripStatus.COMPENSATING)
            await self._compensate(failure)
            if is_cancelled_exception(failure):
                self._enter(TripStatus.CANCELLED)
                raise
            if _was_cancelled_during(failure):
                self._enter(TripStatus.CANCELLED)
                raise asyncio.CancelledError from failure
            self._enter(TripStatus.FAILED)
            raise self._failed(failure) from failure
        self._enter(TripStatus.BOOKED)
        return confirmation

    async def _book(self, trip: Trip) -> TripConfirmation:
        self._undo_with("cancel flight")
        flight_id = await self._reserve(
            f"reserve flight {trip.flight.flight_id}",
            BookingActivities.reserve_flight,
            FlightReservation(key=_key("flight"), flight=trip.flight),
            undo="cancel flight",
        )
        self._undo_with("cancel car")
        car_id = await self._reserve(
            f"reserve car at {trip.car.pickup_location}",
            BookingActivities.reserve_car,
            CarReservation(key=_key("car"), car=trip.car),
            undo="cancel car",
        )
        self._undo_with("refund payment")
        await self._pay_and_confirm(trip.payment)
        if _is_a_copy():
            await self._pay_and_confirm(trip.payment)  # what the copy counts as done may be undone: ask again
        return TripConfirmation(
            trip_id=BOOKING.key_of(workflow.info().workflow_id),
            flight_reservation_id=flight_id,
            car_reservation_id=car_id,
            payment_id=_key("payment"),
            amount_cents=trip.payment.amount_cents,
            card=f"**** {trip.payment.card.last4}",
        )

    async def _pay_and_confirm(self, payment: Payment) -> None:
        await self._step(
            f"charge card ending in {payment.card.last4}",
            BookingActivities.charge,
            Charge(key=_key("payment"), payment=payment),
        )
        await self._step("confirm flight", BookingActivities.confirm_flight, _key("flight"))
        await self._step("confirm car", BookingActivities.confirm_car, _key("car"))

    async def _reserve(
        self,
        what: str,
        reserve: Callable[[BookingActivities, Request], Awaitable[Result]],
        request: Request,
        undo: str,
    ) -> Result:
        try:
            return await self._step(what, reserve, request)
        except ActivityError as failure:
            if _was_refused(failure):
                self._compensations.withdraw(undo)
            raise

    async def _step(
        self,
        what: str,
        activity: Callable[[BookingActivities, Request], Awaitable[Result]],
        request: Request,
    ) -> Result:
        """Run one step. When the trip is cancelled meanwhile, wait for the step to end: its undo must come after it."""
        result = await workflow.execute_activity_method(
            activity,
            request,
            **policies.BOOKING_STEP,
            summary=what,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )
        if workflow.cancellation_reason() is not None:
            raise asyncio.CancelledError
        self._done.append(what)
        return result

    def _undo_with(self, name: str) -> None:
        activity, what = UNDOS[name]
        key = _key(what)
        self._compensations.register(
            name, lambda policy: workflow.execute_activity_method(activity, key, **policy, summary=name)
        )

    async def _compensate(self, failure: BaseException) -> None:
        if _type_of(failure) == KeyReused.__name__:
            self._compensations.withdraw_all()  # what these keys hold belongs to an earlier trip of this ID
        await self._compensations.run()
        if _is_a_copy() or _met_an_undo(failure):
            known = [undo.name for undo in self._compensations.report()]
            for name in UNDOS:
                if name not in known:
                    self._undo_with(name)
            await self._compensations.run()

    def _failed(self, failure: BaseException) -> TripFailed:
        undone = self._compensations.report()
        cause = failure.__cause__
        reason = cause.message if isinstance(cause, ApplicationError) else f"a step got no answer: {cause}"
        return TripFailed(
            f"Failed to reserve the trip: {reason.rstrip('.')}. Ran {len(undone)} compensations.",
            {
                "cause": _type_of(failure) or type(cause).__name__,
                "compensations": [undo.model_dump(mode="json", by_alias=True) for undo in undone],
            },
        )

    def _enter(self, status: TripStatus) -> None:
        self._status = status
        self._show()

    def _show(self) -> None:
        stuck = self._compensations.stuck()
        if self._status in (TripStatus.COMPENSATING, TripStatus.COMPENSATION_STUCK):
            self._status = TripStatus.COMPENSATION_STUCK if stuck else TripStatus.COMPENSATING
        if self._status is not self._shown:
            self._shown = self._status
            workflow.upsert_search_attributes([STATUS.value_set(self._status)])
        waiting = f" Stuck, tried on until an operator resolves it: {', '.join(stuck)}." if stuck else ""
        workflow.set_current_details(f"{self._status}. Done: {', '.join(self._done) or 'nothing'}.{waiting}")

    @workflow.query
    def state(self) -> TripState:
        return TripState(status=self._status, done=self._done, compensations=self._compensations.report())

    @workflow.update
    def resolve_compensation(self, resolution: Resolution) -> TripState:
        self._compensations.resolve(resolution)
        return self.state()

    @resolve_compensation.validator
    def _is_stuck(self, resolution: Resolution) -> None:
        if resolution.compensation not in self._compensations.stuck():
            raise ApplicationError(f"{resolution.compensation!r} is not stuck.", type="NotStuck")


def _key(what: str) -> str:
    return f"{workflow.info().workflow_id}:{what}"


def _is_a_copy() -> bool:
    """Whether this run was reset: it does not remember what the run that it was copied from did after the copy."""
    info = workflow.info()
    return info.run_id != info.first_execution_run_id


def _met_an_undo(failure: BaseException) -> bool:
    """Whether a step found its key spent: an earlier run of this trip was undone, perhaps not to its end."""
    spent = {ReservationCancelled.__name__, PaymentCancelled.__name__}
    return _type_of(failure) in spent


def _was_cancelled_during(failure: BaseException) -> bool:
    """Whether the step in flight got no answer, and the trip was cancelled meanwhile: then that is how it ends."""
    no_answer = isinstance(failure.__cause__, TimeoutError)
    return no_answer and workflow.cancellation_reason() is not None


def _type_of(failure: BaseException) -> str | None:
    return failure.__cause__.type if isinstance(failure.__cause__, ApplicationError) else None


def _was_refused(failure: ActivityError) -> bool:
    return isinstance(failure.cause, ApplicationError) and failure.cause.non_retryable
