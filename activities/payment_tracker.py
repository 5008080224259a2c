"""The steps of a payment tracker: send a reminder, open a ticket, record that an invoice is closed."""

from typing import Protocol

from temporalio import activity

from domain.invoice import InvoiceStatus
from domain.payment_tracker import ClosedInvoice, Reminder, Ticket


class Billing(Protocol):
    """Our record of invoices, reminders and tickets; every entry is made once per invoice and number."""

    async def closed_as(self, invoice: str) -> InvoiceStatus | None:
        """How the invoice ended, however long ago; None while it is open."""

    async def open_ticket(self, ticket: Ticket) -> None:
        """Open the invoice's ticket, once."""

    async def close(self, closed: ClosedInvoice) -> InvoiceStatus:
        """Record for good how the invoice ended, and close its ticket if one is open.

        Return the status on record: an earlier one stays if the new one does not replace it.
        """


class Mail(Protocol):
    """Outgoing e-mail."""

    async def send_reminder(self, reminder: Reminder) -> None:
        """Send a reminder; recorded once per invoice and number, and not sent again once recorded as sent."""


class PaymentTrackerActivities:
    """Reminders, escalation and the end of invoices.

    Reminder and ticket are for open invoices. The billing record has every closed one, also those whose workflow has
    completed.
    """

    def __init__(self, billing: Billing, mail: Mail) -> None:
        self._billing = billing
        self._mail = mail

    @activity.defn
    async def send_reminder(self, reminder: Reminder) -> InvoiceStatus | None:
        """Send a reminder, or return how the invoice ended."""
        if (end := await self._billing.closed_as(reminder.invoice)) is not None:
            return end
        activity.logger.info("Sending reminder email for event: %s", reminder.event_id)
        await self._mail.send_reminder(reminder)
        return None

    @activity.defn
    async def escalate(self, ticket: Ticket) -> InvoiceStatus | None:
        """Open a ticket, or return how the invoice ended."""
        if (end := await self._billing.closed_as(ticket.invoice)) is not None:
            return end
        activity.logger.info("Escalating %s invoice to support team", ticket.event_id)
        await self._billing.open_ticket(ticket)
        return None

    @activity.defn
    async def close(self, closed: ClosedInvoice) -> InvoiceStatus:
        """Record the invoice's end; return the status on record."""
        status = await self._billing.close(closed)
        activity.logger.info("Invoice %s is %s", closed.invoice, status.lower())
        return status
