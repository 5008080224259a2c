"""A simulated car rental company, over our own database."""

from sqlalchemy import bindparam, select

from domain.booking import CancellationRefused, CarReservation, CarUnavailable
from infra.database import Database
from infra.reservations import Reservations
from infra.tables import CarReservations


class SimulatedRentalCompany(Reservations):
    """Stands for a rental company's API. The station `NOWHERE` has no cars, `NO-RETURN` takes none back."""

    table = CarReservations

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._looking_up = select(self.table.what).where(self.table.key == bindparam("reservation"))

    async def reserve(self, reservation: CarReservation) -> str:
        """Hold a car, once per key. Raises `CarUnavailable`, `ReservationCancelled`."""
        car = reservation.car
        if car.pickup_location == "NOWHERE":
            raise CarUnavailable(f"There is no car at {car.pickup_location} on {car.rental_date}.")
        return await self._hold(reservation.key, f"{car.pickup_location} on {car.rental_date}")

    async def cancel(self, key: str) -> None:
        """As `Reservations.cancel`. Raises `CancellationRefused` for a car at `NO-RETURN`, every time."""
        held = await self._database.execute(self._looking_up, reservation=key)
        if held and held.what.startswith("NO-RETURN "):
            raise CancellationRefused(f"The rental company does not cancel {key}: call the station.")
        await super().cancel(key)
