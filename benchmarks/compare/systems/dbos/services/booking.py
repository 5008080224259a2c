"""The saga."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from dbos import DBOS, SetWorkflowID
from fastapi import APIRouter
from fastapi.responses import JSONResponse

from benchmarks.compare.systems.simulated_systems import SimulatedSystems
from domain.booking import CarReservation, Charge, FlightReservation, Payment, TripConfirmation, TripRequest
from domain.errors import BusinessFailure, Refusal

Compensation = tuple[str, Callable[[str], Awaitable[None]], str]
"""A name, what reverses the step, and the key to reverse it by."""


class TripFailed(Exception):
    """The trip was undone."""


def booking_workflow(systems: SimulatedSystems) -> APIRouter:
    """The workflow is called in the request. Each compensation is listed before its step; they run in reverse."""
    routes = APIRouter()

    @DBOS.step(name="charge")
    async def charge(key: str, trip: TripRequest) -> str:
        card = await systems.vault.tokenize(trip.payment_info.card_number.get_secret_value())
        await systems.payments.charge(
            Charge(key=key, payment=Payment(card=card, amount_cents=trip.payment_info.amount))
        )
        return card.last4

    @DBOS.workflow(name="BookingWorkflow")
    async def book(key: str, trip: TripRequest) -> TripConfirmation:
        compensations: list[Compensation] = []
        try:
            return await reserve_all(key, trip, compensations)
        except (BusinessFailure, Refusal) as error:
            for name, compensate, of in reversed(compensations):
                await step(name, compensate, of)
            message = f"Failed to reserve the trip: {error}. Ran {len(compensations)} compensations."
            raise TripFailed(message) from error

    async def reserve_all(key: str, trip: TripRequest, compensations: list[Compensation]) -> TripConfirmation:
        flight_key, car_key, payment_id = (f"{key}:{part}" for part in ("flight", "car", "payment"))
        compensations.append(("cancel flight", systems.flights.cancel, flight_key))
        flight = FlightReservation(key=flight_key, flight=trip.flights)
        flight_id = await step("reserve flight", systems.flights.reserve, flight)
        compensations.append(("cancel car", systems.cars.cancel, car_key))
        car_id = await step("reserve car", systems.cars.reserve, CarReservation(key=car_key, car=trip.car))
        compensations.append(("refund payment", systems.payments.refund, payment_id))
        last4 = await charge(payment_id, trip)
        await step("confirm flight", systems.flights.confirm, flight_key)
        await step("confirm car", systems.cars.confirm, car_key)
        return TripConfirmation(
            trip_id=key,
            flight_reservation_id=flight_id,
            car_reservation_id=car_id,
            payment_id=payment_id,
            amount_cents=trip.payment_info.amount,
            card=f"**** {last4}",
        )

    @routes.post("/BookingWorkflow/{key}/run", response_model=TripConfirmation)
    async def run(key: str, trip: TripRequest) -> Any:
        try:
            with SetWorkflowID(f"booking:{key}"):
                return await book(key, trip)
        except TripFailed as error:
            return JSONResponse({"message": str(error)}, HTTPStatus.CONFLICT)

    return routes


async def step(name: str, function: Callable[[Any], Awaitable[Any]], argument: Any) -> Any:
    """A method of a simulated system as a step; a decorator takes functions only."""
    return await DBOS.run_step_async({"name": name}, function, argument)
