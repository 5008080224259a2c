"""The steps of a payment tracker: send a reminder, open a ticket, settle an invoice."""

from typing import Protocol

from temporalio import activity

from domain.payment_tracker import Reminder, Ticket


class Billing(Protocol):
    """Our record of invoices, reminders and tickets; every entry is made once per invoice and number."""

    async def is_settled(self, invoice: str) -> bool:
        """Whether the invoice was paid, however long ago."""

    async def open_ticket(self, ticket: Ticket) -> None:
        """Open the invoice's ticket, once."""

    async def settle(self, invoice: str) -> None:
        """Record for good that the invoice is paid, and close its ticket if one is open."""


class Mail(Protocol):
    """Outgoing e-mail."""

    async def send_reminder(self, reminder: Reminder) -> None:
        """Send a reminder; recorded once per invoice and number, and not sent again once recorded as sent."""


class PaymentTrackerActivities:
    """Reminders, escalation and settlement of invoices."""

    def __init__(self, billing: Billing, mail: Mail) -> None:
        self._billing = billing
        self._mail = mail

    @activity.defn
    async def send_reminder(self, reminder: Reminder) -> bool:
        """Send a reminder unless the invoice was settled; return whether it is still open.

        The billing record has every paid invoice, also those whose workflow has completed.
        """
        if await self._billing.is_settled(reminder.invoice):
            return False
        activity.logger.info("Sending reminder email for event: %s", reminder.event_id)
        await self._mail.send_reminder(reminder)
        return True

    @activity.defn
    async def escalate(self, ticket: Ticket) -> None:
        activity.logger.info("Escalating %s invoice to support team", ticket.event_id)
        await self._billing.open_ticket(ticket)

    @activity.defn
    async def settle(self, invoice: str) -> None:
        await self._billing.settle(invoice)
        activity.logger.info("Invoice %s is paid", invoice)
