"""Two tenants on one stack: the same keys, nothing in common."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from aiokafka import AIOKafkaProducer

from api.app import create_app, open_gateway
from api.security.authentication import authentication
from devstack.stack import Stack
from domain.access import GRANTED
from infra.database import Database
from infra.payload_keys import load_key_ring
from infra.settings import Settings
from infra.tables import CarReservations, ClosedInvoices, FeedEntries, Reminders
from tests.api.routes.test_webhooks import event, send
from tests.api.security.gateways import bearing, write_keys
from tests.brokers.fixtures import make_topic
from tests.eventually import eventually
from tests.infra.rows import rows

TRIP: dict[str, Any] = {
    "flights": {"flightId": "12345", "passengerName": "John Doe"},
    "car": {"pickupLocation": "Airport", "rentalDate": "2024-12-16"},
    "paymentInfo": {"cardNumber": "4242424242424242", "amount": 1500},
}
POST = {"content": "Hi!", "metadata": "public"}
NAMES = ("default", "acme", "globex")


@dataclass
class Tenants:
    """A client of each tenant, at one gateway."""

    default: httpx2.AsyncClient
    acme: httpx2.AsyncClient
    globex: httpx2.AsyncClient


@pytest.fixture
async def tenants(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Tenants]:
    monkeypatch.setenv("TEMPORAL_ADDRESS", stack.temporal_address)
    file = tmp_path / "keys.json"
    keys = write_keys(file, {name: {"tenant": name, "roles": sorted(GRANTED)} for name in NAMES})
    settings = Settings.model_validate(
        {
            "database_url": stack.database_url,
            "kafka_clusters": {"my-cluster": stack.bootstrap},
            "kafka_allowed": {"my-cluster": ["*"]},
            "api_keys_file": file,
            "payload_keys_file": stack.data.payload_keys,
            "stripe_webhook_secret": "whsec_test",
            "stripe_webhook_tenant": "acme",
            "reminder_interval": "1s",
        }
    )
    async with open_gateway(settings, load_key_ring(settings), authentication(settings)) as gateway:
        transport = httpx2.ASGITransport(create_app(gateway))
        clients = {
            name: httpx2.AsyncClient(
                transport=transport, base_url="http://gateway", headers=bearing(keys[name]), timeout=60
            )
            for name in NAMES
        }
        yield Tenants(**clients)


@pytest.fixture
async def database(stack: Stack) -> AsyncIterator[Database]:
    opened = Database(stack.database_url)
    yield opened
    await opened.close()


def key() -> str:
    return uuid.uuid4().hex


async def ok(call: Any, status: int = 200) -> Any:
    answer = await call
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_the_same_trip_is_booked_by_each_and_read_by_its_own(tenants: Tenants, database: Database) -> None:
    trip = key()
    first = await tenants.acme.post(f"/BookingWorkflow/{trip}/run", json=TRIP)
    assert first.status_code == 200, first.text
    assert first.json()["tripId"] == trip
    assert first.headers["invocation-id"] == f"acme=2Fbooking:{trip}"
    for stranger in (tenants.globex, tenants.default):
        assert (await stranger.get(f"/BookingWorkflow/{trip}")).status_code == 404
        for path in ("", "/output", "/attach"):
            assert (await stranger.get(f"/invocations/{first.headers['invocation-id']}{path}")).status_code == 404
        assert (await stranger.delete(f"/invocations/{first.headers['invocation-id']}")).status_code == 404
        decision = {"compensation": "refund payment", "retry": True}
        assert (await stranger.post(f"/BookingWorkflow/{trip}/resolveCompensation", json=decision)).status_code == 404
    other = {**TRIP, "car": {**TRIP["car"], "pickupLocation": "Harbour"}}
    assert (await tenants.globex.post(f"/BookingWorkflow/{trip}/run", json=other)).status_code == 200
    assert (await tenants.default.post(f"/BookingWorkflow/{trip}/run", json=other)).status_code == 200
    assert (await ok(tenants.acme.get(f"/BookingWorkflow/{trip}")))["status"] == "BOOKED"
    reserved = {row.key for row in await rows(database, CarReservations) if trip in row.key}
    assert reserved == {f"{owner}booking:{trip}:car" for owner in ("", "acme/", "globex/")}


async def test_an_idempotency_key_is_the_tenants_own(tenants: Tenants) -> None:
    headers = {"Idempotency-Key": key()}
    for path, body, other in (
        ("/AsyncTaskWorker/runTask", {"kind": "heavy_work", "payload": 1}, {"kind": "heavy_work", "payload": 2}),
        ("/FanOutWorker/run", {"description": "a"}, {"description": "b"}),
        (f"/UserFeed/{key()}/processPost", POST, {**POST, "content": "Ho!"}),
    ):
        for delay in ("", "?delay=1ms"):
            sent = [
                await ok(client.post(f"{path}/send{delay}", json=given, headers=headers), 202)
                for client, given in ((tenants.acme, body), (tenants.globex, other), (tenants.default, other))
            ]
            if not delay:
                assert {each["status"] for each in sent} == {"Accepted"}
            assert len({each["invocationId"] for each in sent}) == 3
        assert (await tenants.acme.post(f"{path}/send", json=other, headers=headers)).status_code == 409


async def test_a_delayed_message_reaches_the_key_of_its_tenant(tenants: Tenants) -> None:
    user = key()
    sent = await ok(tenants.acme.post(f"/UserFeed/{user}/processPost/send?delay=1ms", json=POST), 202)

    async def published() -> bool:
        return bool((await tenants.acme.get(f"/UserFeed/{user}")).json().get("published"))

    await eventually(published)
    assert (await ok(tenants.acme.get(f"/invocations/{sent['invocationId']}/attach")))["status"] == "PUBLISHED"
    for stranger in (tenants.globex, tenants.default):
        assert (await stranger.get(f"/UserFeed/{user}")).status_code == 404


async def test_the_feeds_of_one_name_are_kept_apart_in_the_database(tenants: Tenants, database: Database) -> None:
    user = key()
    posted = await asyncio.gather(
        *(
            ok(client.post(f"/UserFeed/{user}/processPost", json=POST))
            for client in (tenants.acme, tenants.globex, tenants.default)
        )
    )
    assert {each["status"] for each in posted} == {"PUBLISHED"}
    feeds = {row.user: row.position for row in await rows(database, FeedEntries) if user in row.user}
    assert feeds == {user: 1, f"acme/{user}": 1, f"globex/{user}": 1}


async def test_an_invoice_paid_by_one_is_reminded_of_by_the_other(tenants: Tenants, database: Database) -> None:
    """Invoices of two tenants can have one number, and the events about them one ID."""
    invoice = f"in_{key()}"
    body = {"type": "invoice", "created": 1, "data": {"id": "evt_1", "customer": "cus_1"}}
    await ok(tenants.acme.post(f"/PaymentTracker/{invoice}/onPaymentSuccess", json=body))

    async def settled() -> bool:
        return f"acme/{invoice}" in {row.invoice for row in await rows(database, ClosedInvoices)}

    await eventually(settled)
    await ok(tenants.globex.post(f"/PaymentTracker/{invoice}/onPaymentFailure", json=body))

    async def reminded() -> bool:
        return f"globex/{invoice}" in {row.invoice for row in await rows(database, Reminders)}

    await eventually(reminded)
    assert (await ok(tenants.globex.get(f"/PaymentTracker/{invoice}")))["paid"] is False
    await ok(tenants.globex.post(f"/PaymentTracker/{invoice}/onPaymentSuccess", json=body))
    assert (await tenants.default.get(f"/PaymentTracker/{invoice}")).status_code == 404


async def test_stripes_events_are_of_the_tenant_of_the_setting(tenants: Tenants) -> None:
    invoice = f"in_{key()}"
    accepted = await send(tenants.globex, event("invoice.paid", invoice, f"evt_{key()}"))
    assert accepted.json()["status"] == "Accepted"
    assert (await ok(tenants.acme.get(f"/PaymentTracker/{invoice}")))["paid"] is True
    assert (await tenants.globex.get(f"/PaymentTracker/{invoice}")).status_code == 404


async def _published(client: httpx2.AsyncClient, user: str) -> bool:
    return bool((await client.get(f"/UserFeed/{user}")).json().get("published"))


async def _letters(client: httpx2.AsyncClient, subscription: str) -> bool:
    return bool((await client.get(f"/subscriptions/{subscription}/deadLetters")).json()["deadLetters"])


async def test_a_failed_task_is_listed_and_redriven_by_its_own(tenants: Tenants) -> None:
    failing = {"kind": "heavy_work", "payload": {"fail": key()}, "maxAttempts": 1}
    failed = await tenants.acme.post("/AsyncTaskWorker/runTask", json=failing)
    assert failed.status_code == 409
    invocation = failed.json()["invocationId"]

    async def listed(client: httpx2.AsyncClient) -> list[Any]:
        page = await ok(client.get("/AsyncTaskWorker/deadLetters?limit=200"))
        return [each["payload"] for each in page["deadLetters"]]

    async def is_listed() -> bool:
        return failing["payload"] in await listed(tenants.acme)

    await eventually(is_listed)
    for stranger in (tenants.globex, tenants.default):
        assert failing["payload"] not in await listed(stranger)
        redriven = await stranger.post(f"/AsyncTaskWorker/deadLetters/{invocation}/redrive")
        assert redriven.status_code == 404
    await ok(tenants.acme.post(f"/AsyncTaskWorker/deadLetters/{invocation}/redrive"), 202)


async def test_a_subscription_is_listed_and_changed_by_its_own(stack: Stack, tenants: Tenants) -> None:
    topic = f"posts-{key()[:8]}"
    await make_topic(stack.bootstrap, topic)
    body = {"source": f"kafka://my-cluster/{topic}", "sink": "service://UserFeed/processPost"}
    created = [await ok(client.post("/subscriptions", json=body), 201) for client in (tenants.acme, tenants.default)]
    [subscription] = {each["id"] for each in created}
    assert (await tenants.globex.get(f"/subscriptions/{subscription}")).status_code == 404
    for call in (
        tenants.globex.patch(f"/subscriptions/{subscription}", json={"status": "PAUSED"}),
        tenants.globex.delete(f"/subscriptions/{subscription}"),
        tenants.globex.get(f"/subscriptions/{subscription}/deadLetters"),
        tenants.globex.post(f"/subscriptions/{subscription}/deadLetters/redrive", json={"all": True}),
    ):
        assert (await call).status_code == 404
    listed = {name: await ok(getattr(tenants, name).get("/subscriptions")) for name in NAMES}
    found = {name: [each["id"] for each in listed[name] if each["id"] == subscription] for name in NAMES}
    assert found == {"default": [subscription], "acme": [subscription], "globex": []}

    assert (await ok(tenants.acme.get(f"/subscriptions/{subscription}")))["status"] == "RUNNING"
    for client in (tenants.acme, tenants.default):
        await ok(client.delete(f"/subscriptions/{subscription}"), 202)


async def test_a_topics_records_reach_the_tenant_of_the_subscription(stack: Stack, tenants: Tenants) -> None:
    topic, user = f"posts-{key()[:8]}", key()
    await make_topic(stack.bootstrap, topic)
    body = {"source": f"kafka://my-cluster/{topic}", "sink": "service://UserFeed/processPost"}
    subscription = (await ok(tenants.acme.post("/subscriptions", json=body), 201))["id"]
    async with AIOKafkaProducer(bootstrap_servers=stack.bootstrap) as producer:
        await producer.send_and_wait(topic, json.dumps(POST).encode(), key=user.encode())
        await producer.send_and_wait(topic, b"{poison", key=user.encode())

    await eventually(lambda: _published(tenants.acme, user))
    await eventually(lambda: _letters(tenants.acme, subscription))
    for stranger in (tenants.globex, tenants.default):
        assert (await stranger.get(f"/UserFeed/{user}")).status_code == 404
        assert (await stranger.get(f"/subscriptions/{subscription}/deadLetters")).status_code == 404
    of_default = (await ok(tenants.default.post("/subscriptions", json=body), 201))["id"]
    assert of_default == subscription
    # It reads from the beginning, under a group of its own, and has dead letters of its own.
    await eventually(lambda: _published(tenants.default, user))
    assert (await tenants.globex.get(f"/UserFeed/{user}")).status_code == 404
    redriven = await ok(
        tenants.acme.post(f"/subscriptions/{subscription}/deadLetters/redrive", json={"all": True}), 202
    )
    assert redriven["redriven"] == 1
    await eventually(lambda: _letters(tenants.default, subscription))
    await ok(tenants.default.delete(f"/subscriptions/{subscription}"), 202)
    await ok(tenants.acme.delete(f"/subscriptions/{subscription}"), 202)
