import asyncio

import pytest

from domain.payment_tracker import Ticket
from infra.billing import BillingRecords
from infra.database import Database
from infra.tables import SettledInvoices, Tickets
from tests.infra.rows import rows

TICKET = Ticket(invoice="in_1", customer="cus_1", event_id="evt_1")


@pytest.fixture
def billing(database: Database) -> BillingRecords:
    return BillingRecords(database)


async def test_a_ticket_is_opened_once_however_many_ask(billing: BillingRecords, database: Database) -> None:
    await asyncio.gather(*(billing.open_ticket(TICKET) for _ in range(50)))
    (ticket,) = await rows(database, Tickets)
    assert (ticket.invoice, ticket.customer, ticket.event_id, ticket.closed_at) == ("in_1", "cus_1", "evt_1", None)


async def test_settling_closes_the_ticket_once_and_is_remembered(billing: BillingRecords, database: Database) -> None:
    await billing.open_ticket(TICKET)
    assert not await billing.is_settled("in_1")
    await billing.settle("in_1")
    before = (await rows(database, Tickets), await rows(database, SettledInvoices))
    await billing.settle("in_1")
    assert await billing.is_settled("in_1")
    assert (await rows(database, Tickets), await rows(database, SettledInvoices)) == before
    assert before[0][0].closed_at is not None


async def test_settling_one_invoice_leaves_the_ticket_of_another_open(
    billing: BillingRecords, database: Database
) -> None:
    await billing.open_ticket(TICKET)
    await billing.settle("in_2")
    assert not await billing.is_settled("in_1")
    assert [ticket.closed_at for ticket in await rows(database, Tickets)] == [None]


async def test_opening_a_ticket_again_does_not_reopen_it(billing: BillingRecords, database: Database) -> None:
    await billing.open_ticket(TICKET)
    await billing.settle("in_1")
    await billing.open_ticket(TICKET)
    (ticket,) = await rows(database, Tickets)
    assert ticket.closed_at is not None
