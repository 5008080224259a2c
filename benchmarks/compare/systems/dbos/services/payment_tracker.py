"""Reminders of failed payments."""

from typing import Any

from dbos import DBOS, SetEnqueueOptions, SetWorkflowID
from fastapi import APIRouter

from benchmarks.compare.systems.dbos.queues import TASKS
from benchmarks.compare.systems.simulated_systems import SimulatedSystems
from domain.invoice import PaymentEvent
from domain.payment_tracker import Reminder, Ticket


def payment_tracker(systems: SimulatedSystems) -> APIRouter:
    """A reminder now, and a delayed start of the next one, which nothing holds in memory until then."""
    routes = APIRouter()
    plan = systems.settings.plans.reminders

    @DBOS.step(name="send reminder")
    async def send_reminder(reminder: Reminder) -> None:
        if await systems.billing.closed_as(reminder.invoice) is None:
            await systems.mail.send_reminder(reminder)

    @DBOS.step(name="escalate")
    async def escalate(ticket: Ticket) -> None:
        if await systems.billing.closed_as(ticket.invoice) is None:
            await systems.billing.open_ticket(ticket)

    @DBOS.workflow(name="PaymentTracker")
    async def remind(invoice: str, event: PaymentEvent, number: int) -> dict[str, Any]:
        customer = event.data.customer
        if customer is None or number > plan.reminders:
            await escalate(Ticket(invoice=invoice, customer=customer, event_id=event.data.id))
            return {"paid": False, "remindersSent": number - 1}
        reminder = Reminder(invoice=invoice, number=number, customer=customer, event_id=event.data.id)
        await send_reminder(reminder)
        later = SetEnqueueOptions(delay_seconds=plan.interval.total_seconds())
        with SetWorkflowID(f"reminder:{invoice}:{number + 1}"), later:
            await DBOS.enqueue_workflow_async(TASKS, remind, invoice, event, number + 1)
        return {"paid": False, "remindersSent": number}

    @routes.post("/PaymentTracker/{invoice}/onPaymentFailure")
    async def on_payment_failure(invoice: str, event: PaymentEvent) -> dict[str, Any]:
        with SetWorkflowID(f"reminder:{invoice}:1"):
            sent: dict[str, Any] = await remind(invoice, event, 1)
            return sent

    return routes
