"""What a steady run notes of its subscription, and how it reads the gateway."""

import base64
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest
from temporalio.converter import DataConverter

from benchmarks.harness.processes import Usage
from benchmarks.steady.delays import Delays
from benchmarks.steady.gateway import Gateway
from benchmarks.steady.load import Load
from benchmarks.steady.offsets import CommittedOffsets
from benchmarks.steady.traffic import Traffic
from benchmarks.steady.watch import Watch

NOWHERE = "127.0.0.1:1"
LOAD = Load(rate=40, seconds=100, partitions=1, keys=4, poison_share=0.1, seed=1, topic="steady-1")


class FakeGateway:
    """Answers each request with the next of `answers`, the last one again and again."""

    def __init__(self, *answers: httpx2.Response) -> None:
        self.requests: list[str] = []
        self._answers = list(answers)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(f"{request.method} {request.url.raw_path.decode()}")
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


Opened = Callable[..., tuple[FakeGateway, Gateway]]


@pytest.fixture
async def gateway_with() -> AsyncIterator[Opened]:
    clients = []

    def open_gateway(*answers: httpx2.Response) -> tuple[FakeGateway, Gateway]:
        fake = FakeGateway(*answers)
        clients.append(httpx2.AsyncClient(base_url="http://gateway", transport=httpx2.MockTransport(fake)))
        gateway = Gateway(clients[-1])
        gateway.subscription_id = "s"
        return fake, gateway

    yield open_gateway
    for client in clients:
        await client.aclose()


def watch(gateway: Gateway) -> Watch:
    traffic = Traffic(LOAD, NOWHERE)
    return Watch(
        gateway,
        traffic,
        CommittedOffsets(NOWHERE, "s"),
        Delays(NOWHERE, DataConverter.default, traffic),
        lambda: Usage({}, {}),
    )


def view(status: str = "RUNNING", error: str | None = None, consumer_error: str | None = None) -> httpx2.Response:
    partition = {"partition": 0, "lag": 3}
    consumers = [{"lastError": consumer_error, "partitions": [partition]}]
    return httpx2.Response(200, json={"status": status, "lastError": error, "consumers": consumers})


async def changes(watching: Watch, looks: int) -> list[str]:
    for _ in range(looks):
        await watching.look()
    return [change.text for change in watching.changes]


async def test_a_change_is_noted_once(gateway_with: Opened) -> None:
    _, gateway = gateway_with(
        view(), view(), view(consumer_error="no broker"), view(consumer_error="no broker"), view()
    )
    watching = watch(gateway)
    assert await changes(watching, 5) == ["RUNNING", "RUNNING, last error: no broker", "RUNNING"]
    assert watching.violations == []
    assert [minute.last_error for minute in watching.minutes] == ["no broker"]


async def test_a_subscription_that_failed_is_a_violation_and_is_resumed(gateway_with: Opened) -> None:
    fake, gateway = gateway_with(view("FAILED", "records are lost"), view())
    watching = watch(gateway)
    assert await changes(watching, 2) == ["FAILED, last error: records are lost", "RUNNING"]
    [violation] = watching.violations
    assert "FAILED" in violation
    assert "records are lost" in violation
    assert fake.requests[1] == "PATCH /subscriptions/s"


async def test_a_gateway_that_does_not_answer_is_noted_and_is_no_violation(gateway_with: Opened) -> None:
    _, gateway = gateway_with(httpx2.Response(503), view())
    watching = watch(gateway)
    [first, *_] = await changes(watching, 2)
    assert first.startswith("unknown")
    assert watching.status == "RUNNING"
    assert watching.violations == []


async def test_the_lag_counts_only_when_every_partition_is_shown(gateway_with: Opened) -> None:
    _, gateway = gateway_with(httpx2.Response(503), view())
    watching = watch(gateway)
    await watching.look()
    assert watching.lag == -1
    await watching.look()
    assert watching.lag == 3


def letter(value: str | None, *, is_base64: bool = False, key: str | None = None) -> dict[str, Any]:
    added = {"keyIsBase64": False, "valueIsBase64": is_base64, "kind": "NullKey", "attempts": 1}
    return {"key": key, "value": value, **added}


async def test_every_page_of_dead_letters_is_read(gateway_with: Opened) -> None:
    encoded = base64.b64encode(b"poison 3 \xff").decode()
    pages = [
        {"deadLetters": [letter("poison 1"), letter(None, key="poison 2")], "next": {"partition": 0, "after": 7}},
        {"deadLetters": [letter(encoded, is_base64=True), letter("of another run")], "next": None},
    ]
    fake, gateway = gateway_with(*(httpx2.Response(200, json=page) for page in pages))
    assert [each.number for each in await gateway.letters()] == [1, 2, 3, None]
    assert fake.requests == [
        "GET /subscriptions/s/deadLetters?limit=200",
        "GET /subscriptions/s/deadLetters?partition=0&after=7&limit=200",
    ]


async def test_a_redrive_is_repeated_until_no_letter_remains(gateway_with: Opened) -> None:
    outcomes = [{"redriven": 500, "remaining": True}, {"redriven": 20, "remaining": False}]
    _, gateway = gateway_with(httpx2.Response(503), *(httpx2.Response(202, json=each) for each in outcomes))
    assert await gateway.redrive_all() == 520


async def test_a_refused_request_is_an_error_that_names_it(gateway_with: Opened) -> None:
    _, gateway = gateway_with(httpx2.Response(409, text="it is deleted"))
    with pytest.raises(httpx2.HTTPStatusError, match=r"POST .*/redrive .* 409: it is deleted"):
        await gateway.redrive_all()
