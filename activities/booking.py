"""The steps of a trip, and their compensations. Every call is idempotent by its key.

A repeated call is answered as the first: what was accepted is accepted again, what was refused is refused again.
"""

from typing import Protocol

from temporalio import activity

from domain.booking import CarReservation, Charge, FlightReservation


class Flights(Protocol):
    """An airline's reservations."""

    async def reserve(self, reservation: FlightReservation) -> str:
        """Hold a seat and return the reservation ID. Raises `FlightSoldOut`, `ReservationCancelled`, `KeyReused`."""

    async def confirm(self, key: str) -> None:
        """Turn the hold into a booking. Raises `ReservationCancelled`."""

    async def cancel(self, key: str) -> None:
        """Cancel the reservation. If there is none, refuse a later reservation under `key`."""


class CarRentals(Protocol):
    """A rental company's reservations."""

    async def reserve(self, reservation: CarReservation) -> str:
        """Hold a car and return the reservation ID. Raises `CarUnavailable`, `ReservationCancelled`, `KeyReused`."""

    async def confirm(self, key: str) -> None:
        """Turn the hold into a rental. Raises `ReservationCancelled`."""

    async def cancel(self, key: str) -> None:
        """Cancel the reservation. If there is none, refuse a later reservation under `key`."""


class Payments(Protocol):
    """A card network."""

    async def charge(self, charge: Charge) -> None:
        """Charge the card once per key. Raises `CardDeclined`, `PaymentCancelled`, `KeyReused`."""

    async def refund(self, key: str) -> None:
        """Refund the charge. If there is none, refuse a later charge under `key`."""


class BookingActivities:
    """The activities of the saga."""

    def __init__(self, flights: Flights, cars: CarRentals, payments: Payments) -> None:
        self._flights = flights
        self._cars = cars
        self._payments = payments

    @activity.defn
    async def reserve_flight(self, reservation: FlightReservation) -> str:
        reservation_id = await self._flights.reserve(reservation)
        activity.logger.info("Flight reservation created with id: %s", reservation_id)
        return reservation_id

    @activity.defn
    async def confirm_flight(self, key: str) -> None:
        await self._flights.confirm(key)
        activity.logger.info("Flight reservation confirmed: %s", key)

    @activity.defn
    async def cancel_flight(self, key: str) -> None:
        await self._flights.cancel(key)
        activity.logger.info("Flight reservation cancelled: %s", key)

    @activity.defn
    async def reserve_car(self, reservation: CarReservation) -> str:
        reservation_id = await self._cars.reserve(reservation)
        activity.logger.info("Car rental reservation created with id: %s", reservation_id)
        return reservation_id

    @activity.defn
    async def confirm_car(self, key: str) -> None:
        await self._cars.confirm(key)
        activity.logger.info("Car rental reservation confirmed: %s", key)

    @activity.defn
    async def cancel_car(self, key: str) -> None:
        await self._cars.cancel(key)
        activity.logger.info("Car rental reservation cancelled: %s", key)

    @activity.defn
    async def charge(self, charge: Charge) -> None:
        await self._payments.charge(charge)
        activity.logger.info("Payment charged with id: %s", charge.key)

    @activity.defn
    async def refund(self, key: str) -> None:
        await self._payments.refund(key)
        activity.logger.info("Payment refunded with id: %s", key)
