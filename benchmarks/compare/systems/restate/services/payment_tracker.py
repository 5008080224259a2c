"""Reminders of failed payments."""

from typing import Any

import restate

from benchmarks.compare.systems.simulated_systems import SimulatedSystems
from domain.invoice import InvoiceStatus, PaymentEvent
from domain.payment_tracker import ClosedInvoice, Reminder, Ticket


def payment_tracker(systems: SimulatedSystems) -> restate.VirtualObject:
    """A reminder now, and a delayed send to itself for the next one."""
    tracker = restate.VirtualObject("PaymentTracker")
    plan = systems.settings.plans.reminders

    @tracker.handler("onPaymentSuccess")
    async def on_payment_success(ctx: restate.ObjectContext, event: PaymentEvent) -> dict[str, Any]:
        del event
        ctx.set("paid", True)
        closed = ClosedInvoice(invoice=ctx.key(), status=InvoiceStatus.PAID)
        await ctx.run_typed("close", systems.billing.close, closed=closed)
        return {"paid": True}

    @tracker.handler("onPaymentFailure")
    async def on_payment_failure(ctx: restate.ObjectContext, event: PaymentEvent) -> dict[str, Any]:
        if await ctx.get("paid", type_hint=bool):
            return {"paid": True}
        sent = await ctx.get("remindersSent", type_hint=int) or 0
        customer = event.data.customer
        if customer is not None and sent < plan.reminders:
            reminder = Reminder(invoice=ctx.key(), number=sent + 1, customer=customer, event_id=event.data.id)
            await ctx.run_typed("send reminder", remind, reminder=reminder)
            ctx.set("remindersSent", sent + 1)
            ctx.object_send(on_payment_failure, key=ctx.key(), arg=event, send_delay=plan.interval)
        else:
            ticket = Ticket(invoice=ctx.key(), customer=customer, event_id=event.data.id)
            await ctx.run_typed("escalate", systems.billing.open_ticket, ticket=ticket)
        return {"paid": False, "remindersSent": min(sent + 1, plan.reminders)}

    async def remind(reminder: Reminder) -> None:
        if await systems.billing.closed_as(reminder.invoice) is None:
            await systems.mail.send_reminder(reminder)

    return tracker
