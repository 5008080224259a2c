import asyncio

import pytest

from domain.invoice import ENDS, InvoiceStatus
from domain.payment_tracker import ClosedInvoice, Ticket
from infra.billing import BillingRecords
from infra.database import Database
from infra.tables import ClosedInvoices, Tickets
from tests.infra.rows import rows

TICKET = Ticket(invoice="in_1", customer="cus_1", event_id="evt_1")


@pytest.fixture
def billing(database: Database) -> BillingRecords:
    return BillingRecords(database)


async def test_a_ticket_is_opened_once_however_many_ask(billing: BillingRecords, database: Database) -> None:
    await asyncio.gather(*(billing.open_ticket(TICKET) for _ in range(50)))
    (ticket,) = await rows(database, Tickets)
    assert (ticket.invoice, ticket.customer, ticket.event_id, ticket.closed_at) == ("in_1", "cus_1", "evt_1", None)


def closed(invoice: str, status: InvoiceStatus = InvoiceStatus.PAID) -> ClosedInvoice:
    return ClosedInvoice(invoice=invoice, status=status)


async def test_an_invoice_without_a_customer_has_a_ticket(billing: BillingRecords, database: Database) -> None:
    await billing.open_ticket(TICKET.model_copy(update={"customer": None}))
    assert [ticket.customer for ticket in await rows(database, Tickets)] == [None]


async def test_closing_closes_the_ticket_once_and_is_remembered(billing: BillingRecords, database: Database) -> None:
    await billing.open_ticket(TICKET)
    assert await billing.closed_as("in_1") is None
    assert await billing.close(closed("in_1")) is InvoiceStatus.PAID
    before = (await rows(database, Tickets), await rows(database, ClosedInvoices))
    await billing.close(closed("in_1"))
    assert await billing.closed_as("in_1") is InvoiceStatus.PAID
    assert (await rows(database, Tickets), await rows(database, ClosedInvoices)) == before
    assert before[0][0].closed_at is not None


@pytest.mark.parametrize("first", ENDS)
@pytest.mark.parametrize("second", ENDS)
async def test_an_end_is_replaced_only_by_one_that_can_follow_it(
    billing: BillingRecords, first: InvoiceStatus, second: InvoiceStatus
) -> None:
    expected = second if second.replaces(first) else first
    await billing.close(closed("in_1", first))
    assert await billing.close(closed("in_1", second)) is expected
    assert await billing.closed_as("in_1") is expected


async def test_closing_one_invoice_leaves_the_ticket_of_another_open(
    billing: BillingRecords, database: Database
) -> None:
    await billing.open_ticket(TICKET)
    await billing.close(closed("in_2"))
    assert await billing.closed_as("in_1") is None
    assert [ticket.closed_at for ticket in await rows(database, Tickets)] == [None]


async def test_opening_a_ticket_again_does_not_reopen_it(billing: BillingRecords, database: Database) -> None:
    await billing.open_ticket(TICKET)
    await billing.close(closed("in_1"))
    await billing.open_ticket(TICKET)
    (ticket,) = await rows(database, Tickets)
    assert ticket.closed_at is not None
