"""While a server is unavailable the gateway answers 503; afterwards it works again without a restart."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from devstack.stack import Stack
from tests.brokers.fixtures import make_topic
from tests.conftest import STACK_SETTINGS
from tests.eventually import eventually


@pytest.fixture(scope="module")
async def stack_to_break(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Each test ends with the server in service again that it took out of service."""
    folder = tmp_path_factory.mktemp("outages")
    with (folder / "log.txt").open("w") as log:
        stack = Stack.on_free_ports(
            folder / "data", STACK_SETTINGS, lambda name, line: print(f"{name:8} {line}", file=log, flush=True)
        )
        async with stack:
            yield stack


@pytest.fixture(scope="module")
async def gateway(stack_to_break: Stack) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=stack_to_break.gateway_url, timeout=60) as http:
        yield http


def assert_says_try_again(answer: httpx2.Response, kind: str) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.json()["type"] == f"urn:problem:{kind}"
    assert int(answer.headers["retry-after"]) > 0


async def answer_after_outage(gateway: httpx2.AsyncClient, method: str, path: str, body: Any = None) -> Any:
    """The answer to a request that is repeated while the gateway says to try again: not all is back at once."""

    async def answer() -> httpx2.Response | None:
        answer = await gateway.request(method, path, json=body)
        return answer if answer.status_code != httpx2.codes.SERVICE_UNAVAILABLE else None

    answered = await eventually(answer)
    assert answered.status_code == 200, answered.text
    return answered.json()


async def test_without_temporal_the_gateway_answers_503_and_recovers(
    stack_to_break: Stack, gateway: httpx2.AsyncClient
) -> None:
    before = await gateway.post("/PackageTracker/p1/registerPackage", json={"finalDestination": "Amsterdam"})
    assert before.status_code == 200
    await stack_to_break.processes.stop("temporal")
    for method, path, body in (
        ("POST", "/FanOutWorker/run", {"description": "a"}),
        ("POST", "/PackageTracker/p1/updateLocation/send", {"timestamp": "2024-10-10 13:00", "location": "Paris"}),
        ("GET", "/PackageTracker/p1/getPackageInfo", None),
    ):
        assert_says_try_again(await gateway.request(method, path, json=body), "temporal-unavailable")
    assert (await gateway.get("/ready")).status_code == 503
    assert (await gateway.get("/health")).status_code == 200
    await stack_to_break.processes.start("temporal")
    assert await answer_after_outage(gateway, "POST", "/FanOutWorker/run", {"description": "a"})
    after = await answer_after_outage(gateway, "GET", "/PackageTracker/p1/getPackageInfo")
    assert after["finalDestination"] == "Amsterdam"


async def test_while_temporal_hangs_or_the_database_is_locked_the_gateway_says_to_try_again(
    stack_to_break: Stack, gateway: httpx2.AsyncClient
) -> None:
    stack_to_break.processes.pause("temporal")
    assert_says_try_again(await gateway.post("/FanOutWorker/run", json={"description": "a"}), "temporal-unavailable")
    stack_to_break.processes.resume("temporal")
    trip = {
        "flights": {"flightId": "12345", "passengerName": "John Doe"},
        "car": {"pickupLocation": "Airport", "rentalDate": "2024-12-16"},
        "paymentInfo": {"cardNumber": "4242424242424242", "amount": 1500},
    }
    with closing(sqlite3.connect(stack_to_break.data.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert_says_try_again(await gateway.post("/BookingWorkflow/trip1/run", json=trip), "database-unavailable")
    assert await answer_after_outage(gateway, "POST", "/BookingWorkflow/trip1/run", trip)


async def test_while_kafka_hangs_a_subscription_says_so_until_its_records_move_again(
    stack_to_break: Stack, gateway: httpx2.AsyncClient
) -> None:
    await make_topic(stack_to_break.bootstrap, "posts")
    body = {"source": "kafka://my-cluster/posts", "sink": "service://UserFeed/processPost"}
    path = f"/subscriptions/{(await gateway.post('/subscriptions', json=body)).json()['id']}"

    async def view() -> dict[str, Any]:
        seen: dict[str, Any] = (await gateway.get(path)).json()
        return seen

    async def reads() -> bool:
        return bool((await view())["consumers"])

    async def stalls() -> dict[str, Any] | None:
        seen = await view()
        return seen if seen["lastError"] else None

    async def moves() -> bool:
        return (await view())["lastError"] is None

    await eventually(reads)
    stack_to_break.processes.pause("broker")
    stalled = await eventually(stalls)
    assert (stalled["status"], stalled["consumers"] != []) == ("RUNNING", True)
    assert stalled["lastError"].startswith("Kafka cluster 'my-cluster' does not serve partitions [0].")
    assert datetime.fromisoformat(stalled["since"]) < datetime.now(UTC)
    stack_to_break.processes.resume("broker")
    await eventually(moves)
    assert (await view())["since"] is None
