"""Stripe's own events: signed, mapped, counted once by what they mean."""

import hashlib
import hmac
import json
import logging
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from api.app import compose, open_gateway
from api.routes import webhooks
from api.security.authentication import Authentication
from infra.payload_keys import KeyRing
from infra.settings import Settings
from tests.eventually import eventually

SECRET = "whsec_test"


def new_id(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex}"


def event(kind: str, invoice: str, event_id: str | None = None, **fields: Any) -> dict[str, Any]:
    snapshot = {"id": invoice, "object": "invoice", "customer": "cus_1", "amount_due": 900, "status": "open", **fields}
    return {
        "id": event_id or new_id("evt"),
        "object": "event",
        "type": kind,
        "created": int(time.time()),
        "data": {"object": snapshot},
    }


def signed(raw: bytes, secret: str = SECRET, age: int = 0) -> str:
    timestamp = int(time.time()) - age
    return f"t={timestamp},v1={hmac.new(secret.encode(), b'%d.%b' % (timestamp, raw), hashlib.sha256).hexdigest()}"


async def post(http: httpx2.AsyncClient, raw: bytes, signature: str | bytes | None) -> httpx2.Response:
    headers: dict[bytes, str | bytes] = {b"Content-Type": b"application/json; charset=utf-8"}
    if signature is not None:
        headers[b"Stripe-Signature"] = signature
    return await http.post("/webhooks/stripe", content=raw, headers=headers)  # type: ignore[arg-type]


async def send(http: httpx2.AsyncClient, body: object, secret: str = SECRET, age: int = 0) -> httpx2.Response:
    raw = json.dumps(body).encode()
    return await post(http, raw, signed(raw, secret, age))


@dataclass
class Invoice:
    """An invoice whose events come from Stripe."""

    http: httpx2.AsyncClient
    id: str = field(default_factory=lambda: new_id("in"))

    async def gets(self, kind: str, **fields: Any) -> None:
        response = await send(self.http, event(f"invoice.{kind}", self.id, **fields))
        assert (response.status_code, response.json()["status"]) == (200, "Accepted"), response.text

    async def state(self) -> dict[str, Any]:
        state: dict[str, Any] = (await self.http.get(f"/PaymentTracker/{self.id}")).json()
        return state

    async def has(self, **expected: Any) -> None:
        async def reached() -> bool:
            state = await self.state()
            return all(state.get(name) == value for name, value in expected.items())

        await eventually(reached)


@asynccontextmanager
async def gateway_of(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """The webhook of a gateway in this process, without Temporal: enough for what it refuses or ignores."""
    async with open_gateway(settings, KeyRing(), Authentication()) as gateway:
        transport = httpx2.ASGITransport(compose(gateway, [webhooks.router(gateway)]))
        async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as client:
            yield client


@pytest.fixture
def invoice(http: httpx2.AsyncClient) -> Invoice:
    return Invoice(http)


class TestEvent:
    async def test_of_a_failed_payment_sends_a_reminder_and_of_a_paid_invoice_ends_them(self, invoice: Invoice) -> None:
        failed = event("invoice.payment_failed", invoice.id)
        assert (await send(invoice.http, failed)).json()["status"] == "Accepted"
        assert (await send(invoice.http, failed)).status_code == 200
        await invoice.has(remindersSent=1)
        await invoice.gets("paid")
        await invoice.has(status="PAID", paid=True)

    @pytest.mark.parametrize(
        ("kind", "status"), [("voided", "VOID"), ("marked_uncollectible", "UNCOLLECTIBLE"), ("deleted", "DELETED")]
    )
    async def test_of_another_end_closes_the_invoice(self, invoice: Invoice, kind: str, status: str) -> None:
        await invoice.gets("payment_failed")
        await invoice.gets(kind)
        await invoice.has(status=status, paid=False, nextActionAt=None)
        await invoice.gets("payment_failed")
        await invoice.has(status=status)
        assert "ignored" not in (await invoice.state())["reason"]

    async def test_of_a_failure_whose_invoice_is_paid_by_now_sends_nothing(self, invoice: Invoice) -> None:
        await invoice.gets("payment_failed", status="paid")
        await invoice.has(status="PAID", remindersSent=0)

    async def test_of_the_same_attempt_counts_once_whatever_its_id(self, invoice: Invoice) -> None:
        for _ in range(2):
            await invoice.gets("payment_failed", attempt_count=1)
        await invoice.has(status="ESCALATED")
        last_ignored = (await invoice.state())["lastIgnored"]
        assert last_ignored.endswith(": attempt 1 has been counted, or a later one")

    async def test_about_an_account_and_with_an_expanded_customer_are_read(self, invoice: Invoice) -> None:
        await invoice.gets("payment_failed", customer={"id": "cus_2", "object": "customer"})
        await invoice.has(customer="cus_2")
        await invoice.gets("paid", customer=None, customer_account="acct_1")
        await invoice.has(status="PAID")

    async def test_of_another_type_is_ignored(self, http: httpx2.AsyncClient) -> None:
        response = await send(http, event("customer.created", "cus_1"))
        assert (response.status_code, response.json()["status"]) == (200, "Ignored")


class TestSignature:
    async def test_that_is_wrong_old_of_the_future_or_missing_is_refused_each_with_its_reason(
        self, http: httpx2.AsyncClient
    ) -> None:
        body = event("invoice.paid", "in_1")
        raw = json.dumps(body).encode()
        responses = [
            await send(http, body, secret="whsec_other"),
            await send(http, body, age=3600),
            await send(http, body, age=-3600),
            await post(http, raw, "t=1,v1=é".encode()),
            await post(http, raw, None),
        ]
        assert {(each.status_code, each.json()["type"]) for each in responses} == {
            (400, "urn:problem:invalid-signature")
        }
        assert len({each.json()["detail"] for each in responses}) == len(responses)

    @pytest.mark.parametrize(
        "header", [b"\xff", b"t=1,v1=\xe9", b"t=\xb9\xb2,v1=\xb3", b"t=,v1=", b"," * 1_000, b"t=1," + b"v1=0," * 1_000]
    )
    async def test_of_any_bytes_is_refused(self, http: httpx2.AsyncClient, header: bytes) -> None:
        response = await post(http, b"{}", header)
        assert (response.status_code, response.json()["type"]) == (400, "urn:problem:invalid-signature")


class TestWrongEvent:
    @pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"NaN", b'{"id": Infinity}', b'{"type": "a", "type": "b"}'])
    async def test_that_is_not_json_is_malformed(self, http: httpx2.AsyncClient, raw: bytes) -> None:
        response = await post(http, raw, signed(raw))
        assert (response.status_code, response.json()["type"]) == (400, "urn:problem:malformed-json")

    @pytest.mark.parametrize(
        "wrong",
        [
            {"id": "e" * 256},
            {"id": ""},
            {"created": -1},
            {"created": 10**30},
            {"created": 0.5},
            {"data": {"object": 1}},
        ],
    )
    async def test_is_refused(self, http: httpx2.AsyncClient, wrong: dict[str, Any]) -> None:
        response = await send(http, event("invoice.payment_failed", "in_1") | wrong)
        assert (response.status_code, response.json()["type"]) == (422, "urn:problem:invalid-body")

    @pytest.mark.parametrize("key", ["", " ", "a/b", "x" * 201, "\x1f"])
    async def test_about_an_invoice_that_cannot_be_a_key_is_refused(self, http: httpx2.AsyncClient, key: str) -> None:
        response = await send(http, event("invoice.payment_failed", key))
        assert (response.status_code, response.json()["type"]) == (400, "urn:problem:invalid-key")

    @pytest.mark.parametrize(
        ("signature", "raw", "line"),
        [
            (None, b"{}", "Refused an event of Stripe: The Stripe-Signature header is missing."),
            (b"t=1,v1=\xe9", b"{}", "Refused an event of Stripe: The Stripe-Signature header is unreadable: "),
            ("right", b"{", "Refused an event of Stripe: The body is not JSON: "),
            ("right", b"{}", "Refused an event of Stripe: type: Field required"),
        ],
    )
    async def test_writes_one_line_that_says_why_into_the_log(
        self, caplog: pytest.LogCaptureFixture, signature: str | bytes | None, raw: bytes, line: str
    ) -> None:
        async with gateway_of(Settings(stripe_webhook_secret=SecretStr(SECRET))) as http:
            response = await post(http, raw, signed(raw) if signature == "right" else signature)
        assert 400 <= response.status_code < 500
        [record] = [each for each in caplog.records if each.levelno >= logging.WARNING]
        assert record.getMessage().startswith(line)
        assert "\n" not in record.getMessage()
        assert record.exc_info is None


@pytest.mark.parametrize("livemode", [True, False])
async def test_an_event_of_the_other_mode_is_ignored_and_says_so(livemode: bool) -> None:
    settings = Settings(stripe_webhook_secret=SecretStr(SECRET), stripe_livemode=livemode)
    async with gateway_of(settings) as http:
        response = await send(http, event("invoice.payment_failed", "in_1") | {"livemode": not livemode})
    assert (response.status_code, response.json()["status"]) == (200, "Ignored")
    assert "STRIPE_LIVEMODE" in response.json()["reason"]


@pytest.mark.parametrize(("setting", "account"), [(None, "acct_1"), ("acct_1", "acct_2"), ("acct_1", None)])
async def test_an_event_of_another_account_is_ignored_and_says_so(setting: str | None, account: str | None) -> None:
    settings = Settings(stripe_webhook_secret=SecretStr(SECRET), stripe_account=setting)
    async with gateway_of(settings) as http:
        response = await send(http, event("invoice.paid", "in_1") | {"account": account})
    assert (response.status_code, response.json()["status"]) == (200, "Ignored")
    assert "STRIPE_ACCOUNT" in response.json()["reason"]


async def test_without_a_secret_there_is_no_webhook() -> None:
    async with gateway_of(Settings()) as http:
        response = await send(http, event("invoice.payment_failed", "in_1"))
    assert (response.status_code, response.json()["type"]) == (404, "urn:problem:webhook-not-configured")
