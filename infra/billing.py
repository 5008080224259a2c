"""Our own records of invoices: which are settled, and which have a support ticket."""

from sqlalchemy import select, update

from domain.payment_tracker import Ticket
from infra.database import Database
from infra.tables import SettledInvoices, Tickets, now


class BillingRecords:
    """Settled invoices and tickets; each is recorded once per invoice."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def is_settled(self, invoice: str) -> bool:
        query = select(SettledInvoices.invoice).where(SettledInvoices.invoice == invoice)
        async with self._database.transaction() as connection:
            return (await connection.execute(query)).first() is not None

    async def open_ticket(self, ticket: Ticket) -> None:
        async with self._database.transaction() as connection:
            await self._database.insert_once(
                connection, Tickets, invoice=ticket.invoice, customer=ticket.customer, event_id=ticket.event_id
            )

    async def settle(self, invoice: str) -> None:
        async with self._database.transaction() as connection:
            await self._database.insert_once(connection, SettledInvoices, invoice=invoice)
            still_open = update(Tickets).where(Tickets.invoice == invoice, Tickets.closed_at.is_(None))
            await connection.execute(still_open.values(closed_at=now()))
