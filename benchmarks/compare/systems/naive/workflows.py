"""The saga and the fan-out as tutorials write them, under the names by which the gateway starts them."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.booking import BookingActivities
    from activities.fan_out import FanOutActivities
    from domain.booking import BOOKING, CarReservation, Charge, FlightReservation, Trip, TripConfirmation, TripFailed
    from domain.fan_out import FAN_OUT, Job, JobResult, SubtaskBatch, SubtaskOutcome, aggregate

_STEP = timedelta(seconds=10)
_MAX_OPEN_ACTIVITIES = 1_000
"""The server refuses a workflow that has more than 2,000 activities open."""


@workflow.defn(name=BOOKING.service)
class BookingWorkflow:
    """A list of compensations, run in reverse when a step fails."""

    def __init__(self) -> None:
        self._compensations: list[tuple[Callable[[BookingActivities, str], Awaitable[None]], str]] = []

    @workflow.run
    async def run(self, trip: Trip) -> TripConfirmation:
        try:
            return await self._book(trip)
        except ActivityError as failure:
            for compensate, key in reversed(self._compensations):
                await workflow.execute_activity_method(compensate, key, start_to_close_timeout=_STEP)
            raise TripFailed(
                f"Failed to reserve the trip: {failure.cause}. Ran {len(self._compensations)} compensations."
            ) from failure

    async def _book(self, trip: Trip) -> TripConfirmation:
        workflow_id = workflow.info().workflow_id
        flight_key, car_key, payment_id = f"{workflow_id}:flight", f"{workflow_id}:car", f"{workflow_id}:payment"
        self._compensations.append((BookingActivities.cancel_flight, flight_key))
        flight_id = await workflow.execute_activity_method(
            BookingActivities.reserve_flight,
            FlightReservation(key=flight_key, flight=trip.flight),
            start_to_close_timeout=_STEP,
        )
        self._compensations.append((BookingActivities.cancel_car, car_key))
        car_id = await workflow.execute_activity_method(
            BookingActivities.reserve_car, CarReservation(key=car_key, car=trip.car), start_to_close_timeout=_STEP
        )
        self._compensations.append((BookingActivities.refund, payment_id))
        await workflow.execute_activity_method(
            BookingActivities.charge, Charge(key=payment_id, payment=trip.payment), start_to_close_timeout=_STEP
        )
        for confirm, key in ((BookingActivities.confirm_flight, flight_key), (BookingActivities.confirm_car, car_key)):
            await workflow.execute_activity_method(confirm, key, start_to_close_timeout=_STEP)
        return TripConfirmation(
            trip_id=BOOKING.key_of(workflow_id),
            flight_reservation_id=flight_id,
            car_reservation_id=car_id,
            payment_id=payment_id,
            amount_cents=trip.payment.amount_cents,
            card=f"**** {trip.payment.card.last4}",
        )


@workflow.defn(name=FAN_OUT.service)
class FanOutWorker:
    """An activity for each subtask."""

    @workflow.run
    async def run(self, job: Job) -> JobResult:
        slots = asyncio.Semaphore(_MAX_OPEN_ACTIVITIES)

        async def run_one(index: int, subtask: str) -> list[SubtaskOutcome]:
            batch = SubtaskBatch(
                job_id=workflow.info().workflow_id, first=index, subtasks=[subtask], on_failure=job.on_failure
            )
            async with slots:
                return await workflow.execute_activity_method(
                    FanOutActivities.run_batch, batch, start_to_close_timeout=_STEP
                )

        outcomes = await asyncio.gather(*(run_one(index, text) for index, text in enumerate(job.subtasks())))
        return aggregate(job, {outcome.index: outcome for [outcome] in outcomes})
