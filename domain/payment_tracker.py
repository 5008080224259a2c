"""Scheduling tasks: when an invoice's payment fails, remind its customer, then escalate.

The rules are in `domain.invoice`.
"""

from pydantic import BaseModel

from domain.errors import BusinessFailure
from domain.inbox import Inbox
from domain.invoice import (
    ClosingEvent,
    Invoice,
    InvoiceState,
    InvoiceStatus,
    PaymentEvent,
    ReminderPlan,
    TrackedInvoice,
)
from domain.pattern import Entity, Handler
from domain.payload import Payload
from domain.steps import StepMode
from domain.traces import Cause


class MailRejected(BusinessFailure):
    """The mail server refused the message or its receiver, and will refuse it again."""


class Reminder(Payload):
    """Reminder `number` (from 1) about an invoice."""

    invoice: str
    number: int
    customer: str
    event_id: str


class Ticket(Payload):
    """A support ticket about an invoice. Without a customer, no reminder could be sent."""

    invoice: str
    customer: str | None
    event_id: str


class ClosedInvoice(Payload):
    """An invoice that is paid or has otherwise ended."""

    invoice: str
    status: InvoiceStatus


class TrackerMemory(BaseModel):
    """What a tracker carries through continue-as-new."""

    invoice: Invoice = Invoice()
    inbox: Inbox = Inbox()
    unanswered: list[str] = []
    """The IDs of messages whose receipts wait for the invoice's new state."""
    traces: list[str] = []
    """The trace contexts of messages that nothing was done for yet."""
    cause: Cause = Cause()
    """What was done last was done for this."""


class TrackerInput(Payload):
    """The input of a tracker's run; the first run has no memory."""

    invoice_id: str
    plan: ReminderPlan
    steps: StepMode = StepMode.ACTIVITY
    memory: TrackerMemory | None = None


ON_PAYMENT_FAILURE = "onPaymentFailure"
ON_PAYMENT_SUCCESS = "onPaymentSuccess"
ON_INVOICE_CLOSED = "onInvoiceClosed"
PAYMENT_TRACKER = Entity(
    "payment_tracker",
    "PaymentTracker",
    handlers={
        ON_PAYMENT_FAILURE: Handler("payment_failed", PaymentEvent, InvoiceState, InvoiceStatus.REMINDING),
        ON_PAYMENT_SUCCESS: Handler("payment_succeeded", PaymentEvent, InvoiceState, InvoiceStatus.PAID),
        ON_INVOICE_CLOSED: Handler("invoice_closed", ClosingEvent, InvoiceState),
    },
    start_input=lambda invoice, plans: TrackerInput(invoice_id=invoice, plan=plans.reminders, steps=plans.steps),
    state=TrackedInvoice,
)
