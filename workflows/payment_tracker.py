"""Scheduling tasks: durable timers that remind, escalate, and stop as soon as the invoice is paid.

    first failure ─► reminder ─ 1 day ─► reminder ─ 1 day ─► reminder ─ 1 day ─► ticket for support
                        ▲ another failure makes the next action due at once       │
    success at any time ─► paid: timer stopped, ticket closed  ◄──────────────────┘

The rules are in `domain.payment_tracker.Invoice`; the workflow runs the timers and the activities.
"""

from contextlib import suppress
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.payment_tracker import PaymentTrackerActivities
    from domain.inbox import Batch, Message, Receipt
    from domain.payment_tracker import (
        ON_PAYMENT_FAILURE,
        ON_PAYMENT_SUCCESS,
        PAYMENT_TRACKER,
        InvoiceState,
        InvoiceStatus,
        PaymentEvent,
        Reminder,
        Ticket,
        TrackerInput,
        TrackerMemory,
    )
    from workflows import policies
    from workflows.status import StatusDisplay


@workflow.defn(name=PAYMENT_TRACKER.service)
class PaymentTracker:
    """One invoice, from its first payment event until some time after it is paid.

    Signals: payment_failed, payment_succeeded (each event ID counts once). Queries: state, receipt.
    """

    @workflow.init
    def __init__(self, start: TrackerInput) -> None:
        self._id = start.invoice_id
        self._plan = start.plan
        memory = start.memory or TrackerMemory()
        self._invoice = memory.invoice
        self._inbox = memory.inbox
        self._settled_at = memory.settled_at
        self._unanswered = memory.unanswered
        self._display = StatusDisplay()

    @workflow.run
    async def run(self, start: TrackerInput) -> InvoiceState:
        while True:
            self._show()
            await self._next_event_or_deadline()
            answering, self._unanswered = self._unanswered, []
            await self._act()
            self._answer(answering)
            if self._linger_is_over():
                return self._invoice.state()
            if self._must_continue_as_new():
                await self._continue_as_new()

    async def _next_event_or_deadline(self) -> None:
        deadline = self._linger_end() or self._invoice.due_at
        if deadline is not None and deadline <= workflow.now():
            return
        with suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: bool(self._unanswered) or self._must_continue_as_new(),
                timeout=deadline - workflow.now() if deadline else None,
                timeout_summary=self._waiting_for(),
            )

    async def _act(self) -> None:
        if self._invoice.status is InvoiceStatus.PAID:
            await self._settle()
        elif self._invoice.is_due(workflow.now()):
            await (self._escalate() if self._invoice.reminders_are_used_up(self._plan) else self._remind())

    async def _remind(self) -> None:
        failure = self._invoice.begin_due_action()
        number = self._invoice.next_reminder()
        try:
            still_open = await workflow.execute_activity_method(
                PaymentTrackerActivities.send_reminder,
                Reminder(invoice=self._id, number=number, customer=failure.data.customer, event_id=failure.data.id),
                **policies.MAIL,
                summary=f"reminder {number} of {self._plan.reminders}",
            )
        except ActivityError:
            workflow.logger.exception("Reminder %d failed, and the next one follows after the interval", number)
            self._invoice.reminder_failed(self._plan, workflow.now())
            return
        if still_open:
            self._invoice.reminded(self._plan, workflow.now())
        else:
            self._invoice.settled()
            await self._settle()

    async def _escalate(self) -> None:
        failure = self._invoice.begin_due_action()
        await workflow.execute_activity_method(
            PaymentTrackerActivities.escalate,
            Ticket(invoice=self._id, customer=failure.data.customer, event_id=failure.data.id),
            **policies.DATABASE,
            summary="escalate to support",
        )
        self._invoice.escalated()
        if self._invoice.status is InvoiceStatus.PAID:
            await self._settle()

    async def _settle(self) -> None:
        if self._settled_at is not None:
            return
        await workflow.execute_activity_method(
            PaymentTrackerActivities.settle, self._id, **policies.DATABASE, summary="invoice is paid"
        )
        self._settled_at = workflow.now()

    def _answer(self, message_ids: list[str]) -> None:
        for message_id in message_ids:
            self._inbox.done(message_id, self._invoice.state(), workflow.now())

    def _linger_end(self) -> datetime | None:
        return self._settled_at + self._plan.settled_linger if self._settled_at else None

    def _linger_is_over(self) -> bool:
        end = self._linger_end()
        return end is not None and workflow.now() >= end and not self._unanswered

    def _must_continue_as_new(self) -> bool:
        return workflow.info().is_continue_as_new_suggested()

    async def _continue_as_new(self) -> None:
        await workflow.wait_condition(workflow.all_handlers_finished)
        self._inbox.forget_beyond()
        memory = TrackerMemory(
            invoice=self._invoice, inbox=self._inbox, settled_at=self._settled_at, unanswered=self._still_unanswered()
        )
        workflow.continue_as_new(TrackerInput(invoice_id=self._id, plan=self._plan, memory=memory))

    def _still_unanswered(self) -> list[str]:
        """The messages with open receipts; if there are none, any message, so that the next run checks the invoice."""
        return [i for i in self._unanswered if i in self._inbox.receipts] or self._unanswered[-1:]

    def _waiting_for(self) -> str:
        if self._settled_at:
            return "forget the paid invoice"
        if self._invoice.reminders_are_used_up(self._plan):
            return "escalation to support"
        return f"reminder {self._invoice.next_reminder()} of {self._plan.reminders}"

    def _show(self) -> None:
        due = f" Next: {self._waiting_for()} at {self._invoice.due_at:%F %T} UTC." if self._invoice.due_at else ""
        self._display.show(self._invoice.status, f"{self._invoice.reminders_sent} reminders sent.{due}")

    @workflow.signal
    def payment_failed(self, batch: Batch[PaymentEvent]) -> None:
        for message in self._admit(ON_PAYMENT_FAILURE, batch):
            self._invoice.payment_failed(message.body, workflow.now())

    @workflow.signal
    def payment_succeeded(self, batch: Batch[PaymentEvent]) -> None:
        for message in self._admit(ON_PAYMENT_SUCCESS, batch):
            self._invoice.payment_succeeded(message.body)

    def _admit(self, handler: str, batch: Batch[PaymentEvent]) -> list[Message[PaymentEvent]]:
        messages = self._inbox.admit(handler, batch, workflow.now())
        self._unanswered.extend(message.id for message in messages)
        workflow.logger.info("%s: %s", handler, ", ".join(message.origin for message in messages))
        return messages

    @workflow.query
    def state(self) -> InvoiceState:
        return self._invoice.state()

    @workflow.query
    def receipt(self, message_id: str) -> Receipt | None:
        return self._inbox.receipts.get(message_id)
