"""The gateway, while its PostgreSQL server fails."""

import time
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx2
import pytest

from api.app import create_app, open_gateway
from api.security.authentication import Authentication
from infra.payload_keys import KeyRing
from infra.settings import Settings
from tests.eventually import eventually
from tests.infra.postgresql.server import PostgresServer

TRIP = {
    "flights": {"flightId": "12345", "passengerName": "John Doe"},
    "car": {"pickupLocation": "Airport", "rentalDate": "2024-12-16"},
    "paymentInfo": {"cardNumber": "4242424242424242", "amount": 1500},
}
BOUND_SECONDS = 20
"""The limits allow 2 to 4 s; the machine may be busy. Without limits there was no answer after 40 s."""


@pytest.fixture
async def http(
    postgres: PostgresServer, migrated: str, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> AsyncIterator[httpx2.AsyncClient]:
    """A gateway without Temporal, which a trip reaches only after its card is stored."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{unused_tcp_port}")
    second = timedelta(seconds=1)
    settings = Settings(
        database_url=postgres.url(database=migrated), database_connect_timeout=second, database_timeout=second
    )
    async with open_gateway(settings, KeyRing(), Authentication()) as gateway:
        transport = httpx2.ASGITransport(create_app(gateway), raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=60) as client:
            yield client


async def problem_of_a_trip(http: httpx2.AsyncClient) -> str:
    answer = await http.post("/BookingWorkflow/trip1/run", json=TRIP)
    assert answer.status_code == 503, answer.text
    return str(answer.json()["type"]).removeprefix("urn:problem:")


async def is_found(http: httpx2.AsyncClient, *states: str) -> None:
    """Wait until a gateway on a busy machine, whose checks have 2 s, says one of these of the database."""

    async def is_said() -> bool:
        return (await http.get("/ready")).json()["checks"]["database"] in states

    await eventually(is_said)


async def test_answers_while_the_server_hangs_and_uses_it_when_it_works_again(
    http: httpx2.AsyncClient, postgres: PostgresServer
) -> None:
    assert await problem_of_a_trip(http) == "temporal-unavailable"
    postgres.pause()
    try:
        before = time.monotonic()
        await is_found(http, "does not answer", "cannot be reached")
        assert await problem_of_a_trip(http) == "database-unavailable"
        assert time.monotonic() - before < BOUND_SECONDS
    finally:
        postgres.resume()
    assert await problem_of_a_trip(http) == "temporal-unavailable"
    await is_found(http, "ok")


async def test_is_not_ready_while_the_server_is_read_only(
    http: httpx2.AsyncClient, postgres: PostgresServer, migrated: str
) -> None:
    await postgres.run(f"ALTER DATABASE {migrated} SET default_transaction_read_only = on")
    assert await problem_of_a_trip(http) == "database-unavailable"
    await is_found(http, "is read-only")
    await postgres.run(f"ALTER DATABASE {migrated} RESET default_transaction_read_only")
    assert await problem_of_a_trip(http) == "temporal-unavailable"
    await is_found(http, "ok")
