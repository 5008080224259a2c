"""Scheduling tasks: durable timers that remind, escalate, and stop as soon as the invoice is closed.

    first failure ─► reminder ─ 1 day ─► reminder ─ 1 day ─► reminder ─ 1 day ─► ticket for support
                        ▲ a further failure brings the next action forward        │
    paid, void, ... at any time ─► timer stopped, ticket closed  ◄────────────────┘

The rules are in `domain.invoice.Invoice`; the workflow runs the timers and the activities.
"""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.payment_tracker import PaymentTrackerActivities
    from domain.inbox import Batch, Body, Message, Receipt
    from domain.invoice import SNAPSHOTS, ClosingEvent, InvoiceStatus, PaymentEvent, TrackedInvoice
    from domain.metrics import REMINDERS
    from domain.payment_tracker import (
        ON_INVOICE_CLOSED,
        ON_PAYMENT_FAILURE,
        ON_PAYMENT_SUCCESS,
        PAYMENT_TRACKER,
        ClosedInvoice,
        Reminder,
        Ticket,
        TrackerInput,
        TrackerMemory,
    )
    from domain.traces import Cause, works_for
    from workflows.alarm import Alarm
    from workflows.policies import DATABASE, MAIL
    from workflows.status import StatusDisplay
    from workflows.steps import Steps


@workflow.defn(name=PAYMENT_TRACKER.service)
class PaymentTracker:
    """One invoice, from its first payment event until some time after it is closed.

    Signals: payment_failed (each event ID counts once), payment_succeeded, invoice_closed. Queries: state, receipt.
    """

    @workflow.init
    def __init__(self, start: TrackerInput) -> None:
        self._id = start.invoice_id
        self._plan = start.plan
        self._steps = Steps(start.steps)
        memory = start.memory or TrackerMemory()
        self._invoice = memory.invoice
        self._inbox = memory.inbox
        self._unanswered = memory.unanswered
        self._traces, self._cause = memory.traces, memory.cause
        self._alarm = Alarm()
        self._display = StatusDisplay()

    @workflow.run
    async def run(self, start: TrackerInput) -> TrackedInvoice:
        while True:
            self._display.show(self._invoice.status, self._invoice.reason(self._plan))
            await self._next_event_or_deadline()
            answering, self._unanswered = self._unanswered, []
            self._take_cause()
            await self._act()
            self._answer(answering)
            if self._linger_is_over():
                return self.state()
            if self._must_continue_as_new():
                await self._continue_as_new(start)

    async def _next_event_or_deadline(self) -> None:
        deadline = self._invoice.forgotten_at(self._plan) or self._invoice.due_at
        if self._has_messages() or (deadline is not None and deadline <= workflow.now()):
            return
        self._alarm.set(deadline, self._invoice.next_action(self._plan))
        await workflow.wait_condition(lambda: self._has_messages() or self._alarm.rings())

    def _has_messages(self) -> bool:
        """Whether any wait for this run, or for the next one."""
        return bool(self._unanswered) or self._must_continue_as_new()

    async def _act(self) -> None:
        if self._invoice.is_due(workflow.now()):
            await (self._escalate() if self._invoice.escalates_next(self._plan) else self._remind())
        if self._invoice.has_unrecorded_end():
            await self._close()

    async def _remind(self) -> None:
        failure, number = self._invoice.begin_due_action(), self._invoice.next_reminder()
        assert self._invoice.customer is not None, "without a customer the next action is the escalation"
        reminder = Reminder(invoice=self._id, number=number, customer=self._invoice.customer, event_id=failure.data.id)
        summary = f"reminder {number} of {self._plan.reminders}"
        sending = asyncio.create_task(
            self._steps.run(PaymentTrackerActivities.send_reminder, reminder, MAIL, summary=summary)
        )
        await workflow.wait_condition(lambda: sending.done() or self._invoice.has_unrecorded_end())
        if self._invoice.has_unrecorded_end():
            self._take_cause()
            await self._close()  # a later attempt finds the record, and sends nothing
        try:
            end = await sending
        except ActivityError:
            workflow.logger.exception("Reminder %d failed, and the next one follows after the interval", number)
            REMINDERS.count(workflow.metric_meter(), outcome="failed")
            self._invoice.reminder_failed(self._plan, workflow.now())
            return
        REMINDERS.count(workflow.metric_meter(), outcome="closed" if end else "sent")
        if end is None:
            self._invoice.reminded(self._plan, workflow.now())
        else:
            self._invoice.close(end, workflow.now())

    async def _escalate(self) -> None:
        failure = self._invoice.begin_due_action()
        ticket = Ticket(invoice=self._id, customer=self._invoice.customer, event_id=failure.data.id)
        end = await self._steps.run(PaymentTrackerActivities.escalate, ticket, DATABASE, summary="escalate to support")
        if end is None:
            self._invoice.escalated(workflow.now())
        else:
            self._invoice.close(end, workflow.now())

    async def _close(self) -> None:
        recorded = await self._steps.run(
            PaymentTrackerActivities.close,
            ClosedInvoice(invoice=self._id, status=self._invoice.status),
            DATABASE,
            summary=f"invoice is {self._invoice.status.lower()}",
        )
        self._invoice.recorded(recorded, workflow.now())

    def _take_cause(self) -> None:
        """What is done now is for the events that came since, or for the timer that the last ones have set."""
        traces, self._traces = self._traces, []
        self._cause = Cause.of(traces) if traces else self._cause.later()
        works_for(self._cause)

    def _answer(self, message_ids: list[str]) -> None:
        for message_id in message_ids:
            self._inbox.done(message_id, self._invoice.state(self._plan), workflow.now())

    def _linger_is_over(self) -> bool:
        end = self._invoice.forgotten_at(self._plan)
        return end is not None and workflow.now() >= end and not self._unanswered

    def _must_continue_as_new(self) -> bool:
        return workflow.info().is_continue_as_new_suggested()

    async def _continue_as_new(self, start: TrackerInput) -> None:
        await workflow.wait_condition(workflow.all_handlers_finished)
        self._inbox.forget_beyond()
        memory = TrackerMemory(
            invoice=self._invoice,
            inbox=self._inbox,
            unanswered=self._still_unanswered(),
            traces=self._traces,
            cause=self._cause,
        )
        workflow.continue_as_new(start.model_copy(update={"memory": memory}))

    def _still_unanswered(self) -> list[str]:
        """The messages with open receipts; if there are none, any message, so that the next run checks the invoice."""
        return [i for i in self._unanswered if i in self._inbox.receipts] or self._unanswered[-1:]

    @workflow.signal
    def payment_failed(self, batch: Batch[PaymentEvent]) -> None:
        for message in self._admit(ON_PAYMENT_FAILURE, batch):
            self._invoice.payment_failed(message.body, self._plan, workflow.now())

    @workflow.signal
    def payment_succeeded(self, batch: Batch[PaymentEvent]) -> None:
        for message in self._admit(ON_PAYMENT_SUCCESS, batch):
            self._invoice.close(InvoiceStatus.PAID, workflow.now(), message.body.data.id)

    @workflow.signal
    def invoice_closed(self, batch: Batch[ClosingEvent]) -> None:
        for message in self._admit(ON_INVOICE_CLOSED, batch):
            self._invoice.close(SNAPSHOTS[message.body.data.status], workflow.now(), message.body.data.id)

    def _admit(self, handler: str, batch: Batch[Body]) -> list[Message[Body]]:
        messages = self._inbox.admit(handler, batch, workflow.now())
        self._unanswered.extend(message.id for message in messages)
        self._traces.extend(message.trace for message in messages if message.trace)
        workflow.logger.info("%s: %s", handler, ", ".join(message.origin for message in messages))
        return messages

    @workflow.query
    def state(self) -> TrackedInvoice:
        return self._invoice.tracked(self._plan)

    @workflow.query
    def receipts(self, message_ids: list[str]) -> dict[str, Receipt]:
        return self._inbox.receipts_of(message_ids)
