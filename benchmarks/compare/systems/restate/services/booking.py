"""The saga."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import restate
from restate.exceptions import TerminalError

from benchmarks.compare.systems.simulated_systems import SimulatedSystems
from domain.booking import CarReservation, Charge, FlightReservation, Payment, TripConfirmation, TripRequest
from domain.errors import BusinessFailure, Refusal

Compensation = tuple[str, Callable[[str], Awaitable[None]], str]
"""A name, what reverses the step, and the key to reverse it by."""


def booking_workflow(systems: SimulatedSystems) -> restate.Workflow:
    """Each compensation is listed before its step; they run in reverse on a terminal error."""
    flow = restate.Workflow("BookingWorkflow")

    @flow.main("run")
    async def run(ctx: restate.WorkflowContext, trip: TripRequest) -> TripConfirmation:
        compensations: list[Compensation] = []
        try:
            return await book(ctx, trip, compensations)
        except TerminalError as error:
            for name, compensate, key in reversed(compensations):
                await ctx.run_typed(name, compensate, key=key)
            message = f"Failed to reserve the trip: {error.message}. Ran {len(compensations)} compensations."
            raise TerminalError(message, status_code=HTTPStatus.CONFLICT) from error

    async def book(
        ctx: restate.WorkflowContext, trip: TripRequest, compensations: list[Compensation]
    ) -> TripConfirmation:
        flight_key, car_key, payment_id = (f"{ctx.key()}:{part}" for part in ("flight", "car", "payment"))
        compensations.append(("cancel flight", systems.flights.cancel, flight_key))
        flight = FlightReservation(key=flight_key, flight=trip.flights)
        flight_id = await ctx.run_typed("reserve flight", not_retried(systems.flights.reserve), request=flight)
        compensations.append(("cancel car", systems.cars.cancel, car_key))
        car = CarReservation(key=car_key, car=trip.car)
        car_id = await ctx.run_typed("reserve car", not_retried(systems.cars.reserve), request=car)
        compensations.append(("refund payment", systems.payments.refund, payment_id))
        last4 = await ctx.run_typed("charge", not_retried(charge), request=(payment_id, trip))
        await ctx.run_typed("confirm flight", not_retried(systems.flights.confirm), request=flight_key)
        await ctx.run_typed("confirm car", not_retried(systems.cars.confirm), request=car_key)
        return TripConfirmation(
            trip_id=ctx.key(),
            flight_reservation_id=flight_id,
            car_reservation_id=car_id,
            payment_id=payment_id,
            amount_cents=trip.payment_info.amount,
            card=f"**** {last4}",
        )

    async def charge(request: tuple[str, TripRequest]) -> str:
        key, trip = request
        card = await systems.vault.tokenize(trip.payment_info.card_number.get_secret_value())
        await systems.payments.charge(
            Charge(key=key, payment=Payment(card=card, amount_cents=trip.payment_info.amount))
        )
        return card.last4

    return flow


def not_retried(step: Callable[[Any], Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """The step, with its refusals raised as `TerminalError`: trying again would not change them."""

    async def run(request: Any) -> Any:
        try:
            return await step(request)
        except (BusinessFailure, Refusal) as error:
            raise TerminalError(str(error), status_code=HTTPStatus.CONFLICT) from error

    return run
