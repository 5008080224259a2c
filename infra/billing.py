"""Our own records of invoices: which are closed and how, and which have a support ticket."""

from sqlalchemy import Select, select, update

from domain.invoice import InvoiceStatus
from domain.payment_tracker import ClosedInvoice, Ticket
from infra.database import Database
from infra.tables import ClosedInvoices, Tickets, now


class BillingRecords:
    """Closed invoices and tickets; each is recorded once per invoice."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def closed_as(self, invoice: str) -> InvoiceStatus | None:
        async with self._database.transaction() as connection:
            status = (await connection.execute(_status_of(invoice))).scalar_one_or_none()
        return InvoiceStatus(status) if status is not None else None

    async def open_ticket(self, ticket: Ticket) -> None:
        async with self._database.transaction() as connection:
            await self._database.insert_once(
                connection, Tickets, invoice=ticket.invoice, customer=ticket.customer, event_id=ticket.event_id
            )

    async def close(self, closed: ClosedInvoice) -> InvoiceStatus:
        this = ClosedInvoices.invoice == closed.invoice
        async with self._database.transaction() as connection:
            await self._database.insert_once(
                connection, ClosedInvoices, invoice=closed.invoice, status=closed.status.value
            )
            recorded = InvoiceStatus((await connection.execute(_status_of(closed.invoice))).scalar_one())
            if closed.status.replaces(recorded):
                changes = {"status": closed.status.value, "closed_at": now()}
                await connection.execute(update(ClosedInvoices).where(this).values(changes))
                recorded = closed.status
            still_open = update(Tickets).where(Tickets.invoice == closed.invoice, Tickets.closed_at.is_(None))
            await connection.execute(still_open.values(closed_at=now()))
        return recorded


def _status_of(invoice: str) -> Select[str]:
    return select(ClosedInvoices.status).where(ClosedInvoices.invoice == invoice)
