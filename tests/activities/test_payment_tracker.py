"""Reminders and tickets are for invoices that are still open."""

import pytest
from temporalio.testing import ActivityEnvironment

from activities.payment_tracker import PaymentTrackerActivities
from domain.invoice import ENDS, InvoiceStatus
from domain.payment_tracker import ClosedInvoice, Reminder, Ticket
from tests.workflows.fakes import FakeBilling, FakeMail, anytime

REMINDER = Reminder(invoice="in_1", number=1, customer="cus_1", event_id="evt_1")
TICKET = Ticket(invoice="in_1", customer=None, event_id="evt_1")


class Systems:
    def __init__(self, end: InvoiceStatus | None) -> None:
        self.billing = FakeBilling(anytime, closed={"in_1": end} if end else {})
        self.mail = FakeMail(anytime)
        self.activities = PaymentTrackerActivities(self.billing, self.mail)


@pytest.mark.parametrize("end", [None, *ENDS])
async def test_a_reminder_is_sent_unless_the_invoice_is_closed(end: InvoiceStatus | None) -> None:
    systems = Systems(end)
    assert await ActivityEnvironment().run(systems.activities.send_reminder, REMINDER) is end
    assert systems.mail.numbers() == ([] if end else [1])


@pytest.mark.parametrize("end", [None, *ENDS])
async def test_a_ticket_is_opened_unless_the_invoice_is_closed(end: InvoiceStatus | None) -> None:
    systems = Systems(end)
    assert await ActivityEnvironment().run(systems.activities.escalate, TICKET) is end
    assert [ticket for ticket, _ in systems.billing.tickets] == ([] if end else [TICKET])


async def test_closing_returns_the_end_on_record() -> None:
    closed = ClosedInvoice(invoice="in_1", status=InvoiceStatus.VOID)
    for earlier, recorded in ((None, InvoiceStatus.VOID), (InvoiceStatus.PAID, InvoiceStatus.PAID)):
        assert await ActivityEnvironment().run(Systems(earlier).activities.close, closed) is recorded
