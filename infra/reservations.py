"""Reservations under a key: reserved, then confirmed or cancelled; every call can be repeated."""

import uuid
from typing import ClassVar

from sqlalchemy import bindparam, update

from domain.booking import KeyReused, ReservationCancelled
from infra.database import Database, without_nul
from infra.tables import CarReservations, FlightReservations


class Reservations:
    """Keeps the reservations of one company in `table`. Each call is one statement, made once."""

    table: ClassVar[type[FlightReservations] | type[CarReservations]]

    def __init__(self, database: Database) -> None:
        self._database = database
        table, insert = self.table, database.insert(self.table)
        # The row that exists is kept as it is: an update that changes nothing is what returns it.
        self._holding = insert.on_conflict_do_update(index_elements=["key"], set_={"status": table.status}).returning(
            table.reservation_id, table.status, table.what
        )
        self._confirming = (
            update(table)
            .where(table.key == bindparam("reservation"), table.status != "CANCELLED")
            .values(status="CONFIRMED")
            .returning(table.key)
        )
        self._cancelling = insert.on_conflict_do_update(
            index_elements=["key"], set_={"status": insert.excluded.status, "updated_at": insert.excluded.updated_at}
        )

    async def confirm(self, key: str) -> None:
        """Raises `ReservationCancelled` if there is no reservation to confirm."""
        if await self._database.execute(self._confirming, reservation=key) is None:
            raise ReservationCancelled(f"There is no reservation {key} to confirm.")

    async def cancel(self, key: str) -> None:
        """Cancel the reservation. If there is none, spend the key, so that a late reservation is refused."""
        await self._database.execute(self._cancelling, key=key, what="", status="CANCELLED")

    async def _hold(self, key: str, what: str) -> str:
        """Reserve once per key. Raises `ReservationCancelled` if the key is spent, `KeyReused` if it is another's."""
        held = await self._database.execute(
            self._holding, key=key, reservation_id=str(uuid.uuid4()), what=what, status="RESERVED"
        )
        if held is None or held.status == "CANCELLED" or held.reservation_id is None:
            raise ReservationCancelled(f"Reservation {key} was cancelled before it was made.")
        if held.what != without_nul(what):
            raise KeyReused(f"Reservation {key} exists for something else.")
        return str(held.reservation_id)
