"""Dunning as a state machine: an invoice, the events about it, and what follows from them.

The rules, for which the workflow runs the timers:

- the first failed payment makes a reminder due at once, and after it one every `interval`;
- after `reminders` reminders the next due action is the escalation to support; without a customer it is the first;
- a further failure brings the next action forward, but not closer to the last reminder than `shortest_distance`;
- a failure counts once by its event ID, and once by its number of payment attempts: Stripe sometimes sends two events
  for one attempt (https://docs.stripe.com/webhooks, "Handle duplicate events");
- a payment, or the invoice's end at Stripe, ends the chain for good, in whatever order the events arrive.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from domain import timeline
from domain.event_ids import count_once
from domain.payload import Payload
from domain.timeline import ESCALATION, Happened, PlannedAction, TimelineEntry

Identifier = Annotated[str, Field(min_length=1, max_length=255)]
Seconds = Annotated[int, Field(ge=0, le=253_402_300_799, description="Seconds since 1970.")]
Attempts = Annotated[int, Field(ge=0, le=1_000_000, description="Attempts to pay the invoice; a retry is a new one.")]


class InvoiceStatus(StrEnum):
    OPEN = "OPEN"
    REMINDING = "REMINDING"
    ESCALATED = "ESCALATED"
    UNCOLLECTIBLE = "UNCOLLECTIBLE"
    DELETED = "DELETED"
    VOID = "VOID"
    PAID = "PAID"

    @property
    def is_closed(self) -> bool:
        return self in ENDS

    def replaces(self, other: "InvoiceStatus | None") -> bool:
        """Whether an invoice that is `other` becomes this status.

        An uncollectible invoice can still be voided or paid, so the later end in `ENDS` holds: events that arrive in
        another order end in the same status.
        """
        return self.is_closed and (other not in ENDS or ENDS.index(self) > ENDS.index(other))


ENDS = (InvoiceStatus.UNCOLLECTIBLE, InvoiceStatus.DELETED, InvoiceStatus.VOID, InvoiceStatus.PAID)
"""The statuses of a closed invoice, which gets no reminder; each can replace those before it."""
SNAPSHOTS = {
    "paid": InvoiceStatus.PAID,
    "void": InvoiceStatus.VOID,
    "uncollectible": InvoiceStatus.UNCOLLECTIBLE,
    "deleted": InvoiceStatus.DELETED,
}
"""Stripe's names of an invoice's ends."""


class PaymentEventData(Payload):
    """What an event says about the invoice. A reminder goes to `customer`; without one, support gets a ticket."""

    id: Annotated[str, Field(min_length=1, max_length=255, description="The ID of the event.")]
    customer: Identifier | None = None
    attempt_count: Attempts | None = None
    status: Annotated[str, Field(max_length=255, description="Of the invoice, in Stripe's words.")] | None = None


class PaymentEvent(Payload):
    """A payment event in Stripe's terms. `data.id` is the event's ID, which counts once per handler."""

    type: Identifier
    created: Seconds
    data: PaymentEventData


class ClosingEventData(Payload):
    id: Annotated[str, Field(min_length=1, max_length=255, description="The ID of the event.")]
    status: Literal["void", "uncollectible", "deleted"]


class ClosingEvent(Payload):
    """The end of an invoice that is not paid."""

    type: Identifier
    created: Seconds
    data: ClosingEventData


class ReminderPlan(Payload):
    interval: timedelta = timedelta(days=1)
    min_interval: timedelta = timedelta(hours=4)
    """How close to the last reminder a further failure can bring the next action. An interval shorter than this is
    not made longer by it."""
    reminders: Annotated[int, Field(ge=1, le=100)] = 3
    closed_linger: timedelta = timedelta(days=30)
    """How long a closed invoice stays queryable before its workflow completes."""

    @property
    def shortest_distance(self) -> timedelta:
        return min(self.min_interval, self.interval)


class InvoiceState(Payload):
    """Whether the invoice is paid, how many reminders were sent, what is due next, and why."""

    status: InvoiceStatus
    paid: bool
    reminders_sent: int
    next_action_at: datetime | None
    last_event_id: Annotated[str | None, Field(description="Of the failure that the last or next action is about.")]
    customer: str | None
    reminders_failed: Annotated[int, Field(description="Reminders that no mail server accepted. They count as well.")]
    next_action: Annotated[str | None, Field(description="`reminder 2 of 3`, or `escalation to support`.")]
    closed_by: Annotated[str | None, Field(description="The event that closed the invoice; null: a billing record.")]
    last_ignored: Annotated[str | None, Field(description="The last failure that changed nothing, and why.")]
    reason: Annotated[str, Field(description="Why the invoice has this status, and what follows.")]


class TrackedInvoice(InvoiceState):
    """The invoice's state, what has happened so far, and what follows if nothing else does."""

    timeline: Annotated[list[TimelineEntry], Field(description="The oldest first; at most the last 200.")]
    planned: Annotated[list[PlannedAction], Field(description="The next first; empty while one is carried out.")]


class Invoice(BaseModel):
    """An invoice as a state machine. It has no clock of its own: its methods take the time."""

    status: InvoiceStatus = InvoiceStatus.OPEN
    reminders_sent: int = 0
    reminders_failed: int = 0
    """Reminders that could not be sent; they count towards the escalation."""
    reminded_at: datetime | None = None
    """When the last reminder was sent, or given up."""
    due_at: datetime | None = None
    """When the next reminder, or the escalation, is due."""
    last_failure: PaymentEvent | None = None
    attempts: int = -1
    """The highest number of payment attempts of the failures so far."""
    customer: str | None = None
    closed_by: str | None = None
    last_ignored: str | None = None
    recorded_as: InvoiceStatus | None = None
    """The end that the billing record has."""
    recorded_at: datetime | None = None
    seen: dict[str, None] = Field(default_factory=dict)
    timeline: list[TimelineEntry] = Field(default_factory=list)

    def payment_failed(self, event: PaymentEvent, plan: ReminderPlan, now: datetime) -> None:
        """Start the chain of reminders, or bring its next action forward.

        A failure whose invoice is closed by now starts nothing: it closes the invoice.
        """
        if (because := self._changes_nothing(event)) is not None:
            self.last_ignored = f"{event.data.id}: {because}"
            return
        end = _end_in(event)
        if end is not None:
            self.close(end, now, event.data.id)
            return
        timeline.add(self.timeline, Happened.PAYMENT_FAILED, now)
        self.status = InvoiceStatus.REMINDING
        self.last_failure = event
        self.attempts = self.attempts if event.data.attempt_count is None else event.data.attempt_count
        self.customer = event.data.customer or self.customer
        earliest = now if self.reminded_at is None else max(now, self.reminded_at + plan.shortest_distance)
        self.due_at = earliest if self.due_at is None else min(earliest, self.due_at)

    def close(self, status: InvoiceStatus, now: datetime, event_id: str | None = None) -> None:
        """End the chain for good, because of an event or, without one, of the billing record."""
        if status.replaces(self.status):
            timeline.add(self.timeline, Happened(status), now)
            self.status = status
            self.closed_by = event_id
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
        timeline.add(self.timeline, Happened.REMINDER_SENT, now)
        self._wait_after_reminder(plan, now)

    def reminder_failed(self, plan: ReminderPlan, now: datetime) -> None:
        self.reminders_failed += 1
        timeline.add(self.timeline, Happened.REMINDER_FAILED, now)
        self._wait_after_reminder(plan, now)

    def escalated(self, now: datetime) -> None:
        if not self.status.is_closed:
            timeline.add(self.timeline, Happened.ESCALATED, now)
            self.status = InvoiceStatus.ESCALATED
        self.due_at = None

    def recorded(self, status: InvoiceStatus, now: datetime) -> None:
        """The billing record has the invoice as `status`."""
        self.close(status, now)
        self.recorded_as, self.recorded_at = status, now

    def has_unrecorded_end(self) -> bool:
        return self.status.replaces(self.recorded_as)

    def forgotten_at(self, plan: ReminderPlan) -> datetime | None:
        """When the tracker of the closed invoice completes."""
        return self.recorded_at + plan.closed_linger if self.recorded_at and not self.has_unrecorded_end() else None

    def next_reminder(self) -> int:
        """The number of the next reminder, from 1."""
        return self.reminders_sent + self.reminders_failed + 1

    def escalates_next(self, plan: ReminderPlan) -> bool:
        return self.customer is None or self.next_reminder() > plan.reminders

    def next_action(self, plan: ReminderPlan) -> str:
        if self.status.is_closed:
            return "forget the closed invoice"
        return ESCALATION if self.escalates_next(plan) else f"reminder {self.next_reminder()} of {plan.reminders}"

    def planned(self, plan: ReminderPlan) -> list[PlannedAction]:
        """The reminders that are left and the escalation, if no event comes in between."""
        if self.due_at is None:
            return []
        left = [] if self.customer is None else range(self.next_reminder(), plan.reminders + 1)
        actions = [*(f"reminder {number} of {plan.reminders}" for number in left), ESCALATION]
        return [PlannedAction(at=self.due_at + n * plan.interval, action=each) for n, each in enumerate(actions)]

    def reason(self, plan: ReminderPlan) -> str:
        """Why the invoice has its status, and what follows."""
        if self.status.is_closed:
            by = self.closed_by or "The billing record"
            return f"{by} says that the invoice is {self.status.lower()}: nothing more is sent."
        if self.last_failure is None:
            return "No payment has failed."
        failed = f", {self.reminders_failed} could not be sent" if self.reminders_failed else ""
        sent = f"{self.reminders_sent} of {plan.reminders} reminders sent{failed}"
        so_far = f"{self.last_failure.data.id} says that a payment failed. {sent}."
        if self.status is InvoiceStatus.ESCALATED:
            return f"{so_far} Support has a ticket."
        when = f"at {self.due_at:%F %T} UTC" if self.due_at else "now"
        return f"{so_far} Next: {self.next_action(plan)} {when}."

    def state(self, plan: ReminderPlan) -> InvoiceState:
        return InvoiceState(
            status=self.status,
            paid=self.status is InvoiceStatus.PAID,
            reminders_sent=self.reminders_sent,
            next_action_at=self.due_at,
            last_event_id=self.last_failure.data.id if self.last_failure else None,
            customer=self.customer,
            reminders_failed=self.reminders_failed,
            next_action=self.next_action(plan) if self.status is InvoiceStatus.REMINDING else None,
            closed_by=self.closed_by,
            last_ignored=self.last_ignored,
            reason=self.reason(plan),
        )

    def tracked(self, plan: ReminderPlan) -> TrackedInvoice:
        return TrackedInvoice(**self.state(plan).model_dump(), timeline=self.timeline, planned=self.planned(plan))

    def _wait_after_reminder(self, plan: ReminderPlan, now: datetime) -> None:
        """Make the next action due after the interval, or after the shortest distance if a failure came in between."""
        self.reminded_at = now
        if self.status is InvoiceStatus.REMINDING:
            self.due_at = now + (plan.interval if self.due_at is None else plan.shortest_distance)

    def _changes_nothing(self, event: PaymentEvent) -> str | None:
        """Why a failure changes nothing; None if it does. Its ID counts as seen from now on."""
        if not count_once(self.seen, event.data.id):
            return "this event ID has been counted"
        end = _end_in(event)
        if end is not None and end.replaces(self.status):
            return None
        if self.status.is_closed:
            return f"the invoice is {self.status.lower()}"
        if self.status is InvoiceStatus.ESCALATED:
            return "support has a ticket"
        return self._is_old_news(event)

    def _is_old_news(self, event: PaymentEvent) -> str | None:
        """Why a failure says nothing that an earlier event has not said; None if it does."""
        if event.data.attempt_count is not None and event.data.attempt_count <= self.attempts:
            return f"attempt {event.data.attempt_count} has been counted, or a later one"
        if self.last_failure is not None and event.created < self.last_failure.created:
            return f"it is older than {self.last_failure.data.id}"
        return None


def _end_in(event: PaymentEvent) -> InvoiceStatus | None:
    return SNAPSHOTS.get(event.data.status or "")
