"""A simulated car rental company, over our own database."""

from domain.booking import CarReservation
from domain.errors import CarUnavailable
from infra.database import CarReservations
from infra.reservations import Reservations


class SimulatedRentalCompany(Reservations):
    """Stands for a rental company's API. The station `NOWHERE` has no cars."""

    table = CarReservations

    async def reserve(self, reservation: CarReservation) -> str:
        """Hold a car, once per key. Raises `CarUnavailable`, `ReservationCancelled`."""
        car = reservation.car
        if car.pickup_location == "NOWHERE":
            raise CarUnavailable(f"There is no car at {car.pickup_location} on {car.rental_date}.")
        return await self._hold(reservation.key, f"{car.pickup_location} on {car.rental_date}")
