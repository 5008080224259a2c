"""Scheduling tasks, played by clicking: an invoice on a time axis, also when a worker is killed."""

import asyncio
import os
import re
import shutil
import uuid
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from playwright.async_api import Locator, expect

from devstack.stack import Stack
from domain.invoice import Invoice, PaymentEvent, PaymentEventData, ReminderPlan
from tests.chaos.faults import kill_and_restart
from tests.conftest import STACK_SETTINGS
from tests.console.visitor import AFTER_A_KILL_MS, Visitor


def mark(visitor: Visitor, text: str) -> Locator:
    return visitor.page.locator(".mark-at > .label").filter(has_text=text)


async def report_failure(visitor: Visitor, preset: str) -> str:
    """Report a failed payment of an invoice of its own, and return the invoice."""
    invoice = f"invoice-{uuid.uuid4()}"
    form = visitor.page.get_by_role("form", name="A payment fails")
    await visitor.go("invoices")
    await form.get_by_label("Invoice").fill(invoice)
    await form.get_by_role("button", name=preset).click()
    await form.get_by_role("button", name="Report the failure").click()
    await expect(form.get_by_text("Accepted:")).to_be_visible()
    return invoice


async def report_end(visitor: Visitor, preset: str) -> None:
    await visitor.page.get_by_role("button", name=preset, exact=True).click()
    await visitor.page.get_by_role("button", name="Report the end").click()


async def happened(http: httpx2.AsyncClient, invoice: str) -> list[str]:
    state = (await http.get(f"/PaymentTracker/{invoice}")).json()
    return [entry["what"] for entry in state["timeline"]]


async def test_a_killed_worker_does_not_keep_an_invoice_from_its_reminders(
    visitor: Visitor, stack: Stack, http: httpx2.AsyncClient
) -> None:
    invoice = await report_failure(visitor, "With a customer")
    assert await mark(visitor, "ticket").count() == 0, "it is killed too late"
    await kill_and_restart(stack.processes, "workers")

    await expect(mark(visitor, "ticket for support")).to_be_visible(timeout=AFTER_A_KILL_MS)
    await expect(visitor.page.locator(".facts .status")).to_contain_text("escalated")
    await report_end(visitor, "Paid")
    await expect(mark(visitor, "paid")).to_be_visible()
    await expect(mark(visitor, "now")).to_have_count(0)

    reminders = ["REMINDER_SENT"] * 3
    assert await happened(http, invoice) == ["PAYMENT_FAILED", *reminders, "ESCALATED", "PAID"]
    for number in (1, 2, 3):
        await expect(mark(visitor, f"reminder {number}")).to_be_visible()
    await expect(visitor.page.get_by_role("link", name=invoice, exact=True)).to_be_visible()
    await visitor.check()


async def test_without_a_customer_support_gets_a_ticket_and_a_void_invoice_ends_the_line(
    visitor: Visitor, http: httpx2.AsyncClient
) -> None:
    invoice = await report_failure(visitor, "Without: support gets a ticket")
    await expect(mark(visitor, "ticket for support")).to_be_visible()
    await report_end(visitor, "Void")

    await expect(mark(visitor, "void")).to_be_visible()
    await expect(visitor.page.locator(".facts .status")).to_contain_text("void")
    assert await happened(http, invoice) == ["PAYMENT_FAILED", "ESCALATED", "VOID"]
    await visitor.check()


async def test_what_is_planned_counts_down(visitor: Visitor) -> None:
    """The gateway's answer is replaced by that of a stack that reminds once a day."""
    invoice, now = Invoice(), datetime.now(UTC)
    plan, began = ReminderPlan(), now - timedelta(hours=28)
    data = PaymentEventData(id="evt_1JH2Y4F2eZvKYlo2C8b9", customer="cus_J5K2Y4F2eZvKYlo2")
    invoice.payment_failed(PaymentEvent(type="invoice", created=1, data=data), plan, began)
    for at in (began, began + plan.interval):
        invoice.begin_due_action()
        invoice.reminded(plan, at)
    state = invoice.tracked(plan).model_dump_json(by_alias=True)
    event = f"event: state\ndata: {state}\n\n"
    await visitor.page.route(
        "**/PaymentTracker/invoice123/events", lambda route: route.fulfill(content_type="text/event-stream", body=event)
    )
    await visitor.go("invoices/invoice123")

    await expect(mark(visitor, "reminder 3 of 3").locator("time")).to_have_text(re.compile("^in 19 h 5"))
    order = ["payment failed", "reminder 1", "reminder 2", "now", "reminder 3 of 3", "escalation to support"]
    for number, text in enumerate(order):
        await expect(visitor.page.locator(".mark-at").nth(number)).to_contain_text(text)
    await visitor.picture("invoices")
    await visitor.check()


async def test_the_command_that_signs_an_event_as_stripe_does_works(visitor: Visitor, http: httpx2.AsyncClient) -> None:
    if shutil.which("openssl") is None or shutil.which("curl") is None:
        pytest.skip("the command needs openssl and curl")
    invoice = f"invoice-{uuid.uuid4()}"
    await visitor.go("invoices")
    summary = "An event as Stripe sends it, signed"
    await visitor.text(summary).click()
    command = await visitor.page.get_by_label(summary).text_content()
    assert command is not None

    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        command.replace("invoice123", invoice),
        env={**os.environ, "STRIPE_WEBHOOK_SECRET": STACK_SETTINGS["STRIPE_WEBHOOK_SECRET"]},
        stdout=asyncio.subprocess.PIPE,
    )
    answer, _ = await process.communicate()

    assert b"Accepted" in answer
    state = (await http.get(f"/PaymentTracker/{invoice}")).json()
    assert state["status"] == "PAID"
