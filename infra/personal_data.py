"""What the database has about the keys of each service, and how it is erased."""

from collections.abc import Callable, Mapping

from sqlalchemy import ColumnElement, Delete, Update, delete, func, select, union, update

from domain.access import owned
from domain.booking import BOOKING
from domain.message_queue import MESSAGE_QUEUE
from domain.pattern import Pattern
from domain.payment_tracker import PAYMENT_TRACKER
from domain.user_feed import USER_FEED
from infra.database import Database
from infra.tables import (
    CarReservations,
    CompletedWork,
    FeedEntries,
    FlightReservations,
    ModerationCases,
    ModerationHolds,
    Payments,
    Posts,
    Reminders,
    Tickets,
)

Statements = Mapping[str, Delete | Update]
"""By the table that each changes."""
_NOTHING = ""


class PersonalData:
    """Erases rows, or what a row has about a person where others rely on the row."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def erase(self, pattern: Pattern, key: str) -> dict[str, int]:
        """Return by table how many rows had something. Raises `DatabaseUnavailable`; then nothing was erased."""
        statements = _STATEMENTS.get(pattern.service, _none)(pattern, key)
        async with self._database.transaction() as connection:
            return {table: (await connection.execute(each)).rowcount for table, each in statements.items()}

    async def invoices_of(self, customer: str, tenant: str, limit: int) -> list[str]:
        """The tenant's invoices of which the customer has a reminder or a ticket, `limit` of them at most.

        Raises `DatabaseUnavailable`.
        """
        prefix = owned(tenant, "")
        of_customer = union(
            *(select(t.invoice).where(t.customer == customer, _is_of(t, prefix)) for t in (Reminders, Tickets))
        )
        async with self._database.transaction() as connection:
            found = await connection.scalars(of_customer.limit(limit))
            return [invoice.removeprefix(prefix) for invoice in found]


def _is_of(table: type[Reminders] | type[Tickets], prefix: str) -> ColumnElement[bool]:
    """No key has a slash; the names of every tenant but the default one do. SQLite's LIKE would ignore case."""
    if not prefix:
        return table.invoice.not_like("%/%")
    return func.substr(table.invoice, 1, len(prefix)) == prefix


def _posts(pattern: Pattern, key: str) -> Statements:
    user = owned(pattern.tenant, key)
    tables = (FeedEntries, ModerationCases, ModerationHolds, Posts)
    return {table.__tablename__: delete(table).where(table.user == user) for table in tables}


def _dunning(pattern: Pattern, key: str) -> Statements:
    """The record of a closed invoice stays: it has no customer, and stops reminders after a late event."""
    invoice = owned(pattern.tenant, key)
    return {table.__tablename__: delete(table).where(table.invoice == invoice) for table in (Reminders, Tickets)}


def _trip(pattern: Pattern, key: str) -> Statements:
    """The reservations and the payment stay, without passenger, place and card: others rely on their IDs."""
    trip = pattern.execution_id(key)
    flight, car, paid = FlightReservations, CarReservations, Payments
    erased: dict[str, Delete | Update] = {
        table.__tablename__: update(table)
        .where(table.key == f"{trip}:{step}", table.what != _NOTHING)
        .values(what=_NOTHING)
        for table, step in ((flight, "flight"), (car, "car"))
    }
    of_trip = update(paid).where(paid.key == f"{trip}:payment", paid.card_token.is_not(None))
    return {**erased, paid.__tablename__: of_trip.values(card_token=None)}


def _task(pattern: Pattern, key: str) -> Statements:
    task = pattern.execution_id(key)
    return {CompletedWork.__tablename__: delete(CompletedWork).where(CompletedWork.key == task)}


def _none(_: Pattern, __: str) -> Statements:
    """The service has only its executions."""
    return {}


_STATEMENTS: dict[str, Callable[[Pattern, str], Statements]] = {
    USER_FEED.service: _posts,
    PAYMENT_TRACKER.service: _dunning,
    BOOKING.service: _trip,
    MESSAGE_QUEUE.service: _task,
}
