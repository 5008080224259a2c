"""Reservations under a key: reserved, then confirmed or cancelled; every call can be repeated."""

import uuid
from typing import ClassVar

from sqlalchemy import select, update

from domain.booking import KeyReused, ReservationCancelled
from infra.database import Database, without_nul
from infra.tables import CarReservations, FlightReservations


class Reservations:
    """Keeps the reservations of one company in `table`."""

    table: ClassVar[type[FlightReservations] | type[CarReservations]]

    def __init__(self, database: Database) -> None:
        self._database = database

    async def confirm(self, key: str) -> None:
        """Raises `ReservationCancelled` if there is no reservation to confirm."""
        async with self._database.transaction() as connection:
            changed = await connection.execute(
                update(self.table)
                .where(self.table.key == key, self.table.status != "CANCELLED")
                .values(status="CONFIRMED")
            )
        if changed.rowcount == 0:
            raise ReservationCancelled(f"There is no reservation {key} to confirm.")

    async def cancel(self, key: str) -> None:
        """Cancel the reservation. If there is none, spend the key, so that a late reservation is refused."""
        async with self._database.transaction() as connection:
            if not await self._database.insert_once(connection, self.table, key=key, what="", status="CANCELLED"):
                await connection.execute(update(self.table).where(self.table.key == key).values(status="CANCELLED"))

    async def _hold(self, key: str, what: str) -> str:
        """Reserve once per key. Raises `ReservationCancelled` if the key is spent, `KeyReused` if it is another's."""
        async with self._database.transaction() as connection:
            await self._database.insert_once(
                connection, self.table, key=key, reservation_id=str(uuid.uuid4()), what=what, status="RESERVED"
            )
            query = select(self.table.reservation_id, self.table.status, self.table.what).where(self.table.key == key)
            reservation_id, status, held = (await connection.execute(query)).one()
        if status == "CANCELLED" or reservation_id is None:
            raise ReservationCancelled(f"Reservation {key} was cancelled before it was made.")
        if held != without_nul(what):
            raise KeyReused(f"Reservation {key} exists for something else.")
        return str(reservation_id)
