"""A simulated airline, over our own database."""

from domain.booking import FlightReservation, FlightSoldOut
from infra.reservations import Reservations
from infra.tables import FlightReservations


class SimulatedAirline(Reservations):
    """Stands for an airline's API. Flight `SOLD-OUT` has no seats."""

    table = FlightReservations

    async def reserve(self, reservation: FlightReservation) -> str:
        """Hold a seat, once per key. Raises `FlightSoldOut`, `ReservationCancelled`."""
        flight = reservation.flight
        if flight.flight_id == "SOLD-OUT":
            raise FlightSoldOut(f"There is no seat left on flight {flight.flight_id}.")
        return await self._hold(reservation.key, f"{flight.flight_id} for {flight.passenger_name}")
