"""Scheduling tasks: when an invoice's payment fails, remind its customer, then escalate.

The rules, for which the workflow runs the timers:

- the first failure sends a reminder at once, and after it one every `interval`;
- after `reminders` reminders the next due action is the escalation to support;
- another failure makes the next action due now, and never starts a second chain of reminders;
- a success ends the chain for good: later failures are ignored.
"""

import hashlib
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field

from domain.errors import BusinessFailure
from domain.inbox import Inbox
from domain.pattern import Entity, Handler
from domain.payload import Payload

Identifier = Annotated[str, Field(min_length=1, max_length=255)]
EVENTS_KEPT = 2_000
"""How many event IDs a tracker remembers: the newest."""
MAX_ID_LENGTH_KEPT = 64
"""A longer ID is remembered as a digest, so that the tracker's memory fits into one payload."""


class MailRejected(BusinessFailure):
    """The mail server refused the message or its receiver, and will refuse it again."""


class PaymentEventData(Payload):
    id: Identifier
    customer: Identifier


class PaymentEvent(Payload):
    """A payment event in Stripe's terms. `data.id` is the event's ID, which counts once per handler."""

    type: Identifier
    created: Annotated[int, Field(ge=0, le=253_402_300_799, description="Seconds since 1970.")]
    data: PaymentEventData


class ReminderPlan(Payload):
    interval: timedelta = timedelta(days=1)
    reminders: Annotated[int, Field(ge=1, le=100)] = 3
    settled_linger: timedelta = timedelta(days=30)
    """How long a paid invoice stays queryable before its workflow completes."""


class InvoiceStatus(StrEnum):
    OPEN = "OPEN"
    REMINDING = "REMINDING"
    ESCALATED = "ESCALATED"
    PAID = "PAID"


class Reminder(Payload):
    """Reminder `number` (from 1) about an invoice."""

    invoice: str
    number: int
    customer: str
    event_id: str


class Ticket(Payload):
    """A support ticket about an invoice."""

    invoice: str
    customer: str
    event_id: str


class InvoiceState(Payload):
    """Whether the invoice is paid, how many reminders were sent, and what is due next."""

    status: InvoiceStatus
    paid: bool
    reminders_sent: int
    next_action_at: datetime | None
    last_event_id: str | None
    customer: str | None


class Invoice(BaseModel):
    """An invoice as a state machine. It has no clock of its own: its methods take the time."""

    status: InvoiceStatus = InvoiceStatus.OPEN
    reminders_sent: int = 0
    reminders_failed: int = 0
    """Reminders that could not be sent; they count towards the escalation."""
    due_at: datetime | None = None
    """When the next reminder, or the escalation, is due."""
    last_failure: PaymentEvent | None = None
    seen: dict[str, None] = Field(default_factory=dict)

    def payment_failed(self, event: PaymentEvent, now: datetime) -> None:
        """Start the chain of reminders, or make its next action due `now`."""
        if not self._count_once("failed", event) or self.status in (
            InvoiceStatus.PAID,
            InvoiceStatus.ESCALATED,
        ):
            return
        self.status = InvoiceStatus.REMINDING
        self.last_failure = event
        self.due_at = now

    def payment_succeeded(self, event: PaymentEvent) -> None:
        """End the chain for good."""
        if not self._count_once("succeeded", event):
            return
        self.settled()

    def settled(self) -> None:
        self.status = InvoiceStatus.PAID
        self.due_at = None

    def is_due(self, now: datetime) -> bool:
        return self.due_at is not None and self.due_at <= now

    def begin_due_action(self) -> PaymentEvent:
        """Return the failure that the due action is about. Another failure during the action sets a new time."""
        assert self.last_failure is not None, "an action is due only after a failure"
        self.due_at = None
        return self.last_failure

    def reminded(self, plan: ReminderPlan, now: datetime) -> None:
        self.reminders_sent += 1
        self.postponed(plan, now)

    def reminder_failed(self, plan: ReminderPlan, now: datetime) -> None:
        self.reminders_failed += 1
        self.postponed(plan, now)

    def next_reminder(self) -> int:
        """The number of the next reminder, from 1."""
        return self.reminders_sent + self.reminders_failed + 1

    def postponed(self, plan: ReminderPlan, now: datetime) -> None:
        """Make the next action due after the interval, unless a failure or a success has already changed that."""
        if self.status is InvoiceStatus.REMINDING and self.due_at is None:
            self.due_at = now + plan.interval

    def escalated(self) -> None:
        if self.status is not InvoiceStatus.PAID:
            self.status = InvoiceStatus.ESCALATED
        self.due_at = None

    def reminders_are_used_up(self, plan: ReminderPlan) -> bool:
        return self.next_reminder() > plan.reminders

    def state(self) -> InvoiceState:
        return InvoiceState(
            status=self.status,
            paid=self.status is InvoiceStatus.PAID,
            reminders_sent=self.reminders_sent,
            next_action_at=self.due_at,
            last_event_id=self.last_failure.data.id if self.last_failure else None,
            customer=self.last_failure.data.customer if self.last_failure else None,
        )

    def _count_once(self, kind: str, event: PaymentEvent) -> bool:
        event_key = f"{kind}:{_short(event.data.id)}"
        if event_key in self.seen:
            return False
        self.seen[event_key] = None
        while len(self.seen) > EVENTS_KEPT:
            self.seen.pop(next(iter(self.seen)))
        return True


class TrackerMemory(BaseModel):
    """What a tracker carries through continue-as-new."""

    invoice: Invoice = Invoice()
    inbox: Inbox = Inbox()
    settled_at: datetime | None = None
    unanswered: list[str] = []
    """The IDs of messages whose receipts wait for the invoice's new state."""


class TrackerInput(Payload):
    """The input of a tracker's run; the first run has no memory."""

    invoice_id: str
    plan: ReminderPlan
    memory: TrackerMemory | None = None


ON_PAYMENT_FAILURE = "onPaymentFailure"
ON_PAYMENT_SUCCESS = "onPaymentSuccess"
PAYMENT_TRACKER = Entity(
    "payment_tracker",
    "PaymentTracker",
    handlers={
        ON_PAYMENT_FAILURE: Handler("payment_failed", PaymentEvent, InvoiceState),
        ON_PAYMENT_SUCCESS: Handler("payment_succeeded", PaymentEvent, InvoiceState),
    },
    start_input=lambda invoice, plans: TrackerInput(invoice_id=invoice, plan=plans.reminders),
    state=InvoiceState,
)


def _short(event_id: str) -> str:
    """Return a short, printable ASCII ID as it is, and the digest of any other."""
    if len(event_id) <= MAX_ID_LENGTH_KEPT and event_id.isascii() and event_id.isprintable():
        return event_id
    return hashlib.sha256(event_id.encode(errors="surrogatepass")).hexdigest()
