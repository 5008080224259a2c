"""Stripe's own events: signed, mapped, counted once."""

import hashlib
import hmac
import json
import time
import uuid
from typing import Any

import httpx2

from tests.eventually import eventually

SECRET = "whsec_test"


def event(kind: str, invoice: str, event_id: str) -> dict[str, Any]:
    return {
        "id": event_id,
        "object": "event",
        "type": kind,
        "created": int(time.time()),
        "data": {"object": {"id": invoice, "object": "invoice", "customer": "cus_1", "amount_due": 900}},
    }


async def send(http: httpx2.AsyncClient, body: dict[str, Any], secret: str = SECRET, age: int = 0) -> httpx2.Response:
    raw = json.dumps(body)
    timestamp = int(time.time()) - age
    signature = hmac.new(secret.encode(), f"{timestamp}.{raw}".encode(), hashlib.sha256).hexdigest()
    return await http.post(
        "/webhooks/stripe", content=raw, headers={"Stripe-Signature": f"t={timestamp},v1={signature}"}
    )


async def test_a_failed_payment_sends_a_reminder_and_a_paid_invoice_ends_them(http: httpx2.AsyncClient) -> None:
    invoice = f"in_{uuid.uuid4().hex}"
    failed = event("invoice.payment_failed", invoice, f"evt_{uuid.uuid4().hex}")
    assert (await send(http, failed)).json()["status"] == "Accepted"
    assert (await send(http, failed)).status_code == 200

    async def reminded() -> bool:
        return bool((await http.get(f"/PaymentTracker/{invoice}")).json().get("remindersSent"))

    await eventually(reminded)
    await send(http, event("invoice.paid", invoice, f"evt_{uuid.uuid4().hex}"))

    async def paid() -> bool:
        return bool((await http.get(f"/PaymentTracker/{invoice}")).json()["paid"])

    await eventually(paid)


async def test_an_event_with_a_wrong_or_old_signature_is_refused(http: httpx2.AsyncClient) -> None:
    body = event("invoice.paid", "in_1", "evt_1")
    for response in (
        await send(http, body, secret="whsec_other"),
        await send(http, body, age=3600),
        await http.post("/webhooks/stripe", json=body),
    ):
        assert response.status_code == 400
        assert response.json()["type"] == "urn:problem:invalid-signature"


async def test_other_events_are_ignored(http: httpx2.AsyncClient) -> None:
    response = await send(http, event("customer.created", "cus_1", "evt_2"))
    assert (response.status_code, response.json()) == (200, {"status": "Ignored"})
