"""A request is refused if it is too large for Temporal, in the form in which Temporal gets it."""

import itertools
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from api.app import create_app, open_gateway
from api.security.authentication import Authentication
from devstack.stack import Stack
from domain.errors import PayloadTooLarge
from domain.payload import MAX_PAYLOAD_BYTES
from infra.payload_keys import KeyRing
from infra.settings import Settings
from tests.api.test_bad_input import JSON, TRIP, problem

GROWN = len("1000000000000000.0,")
"""Bytes that `1e15,` has in Temporal."""
FITS = MAX_PAYLOAD_BYTES // GROWN - 10
"""How many of them fit as a payload; what `heavy_work` returns is larger by some bytes."""
NAME = "€" * 200
LONG_TRIP = {
    **TRIP,
    "flights": {"flightId": NAME, "passengerName": NAME},
    "car": {"pickupLocation": NAME, "rentalDate": "2024-12-16"},
}


def task(count: int) -> bytes:
    return b'{"kind": "heavy_work", "payload": [' + b",".join([b"1e15"] * count) + b"]}"


def largest_task(stack: Stack) -> bytes:
    """A task whose payload fits to the byte."""
    converter = stack.converter.payload_converter
    numbers = [1e15] * FITS
    for rest in itertools.count(1):
        try:
            converter.to_payloads([[*numbers, "x" * rest]])
        except PayloadTooLarge:
            return task(FITS).removesuffix(b"]}") + b',"' + b"x" * (rest - 1) + b'"]}'
    raise AssertionError("every payload fits")


@pytest.mark.parametrize("query", ["", "?delay=1h"])
async def test_a_payload_that_grows_beyond_the_limit_is_refused(http: httpx2.AsyncClient, query: str) -> None:
    for count in (150_000, FITS + 11):
        answer = await http.post(f"/AsyncTaskWorker/runTask/send{query}", content=task(count), headers=JSON)
        detail = problem(answer, 413, "payload-too-large")["detail"]
        assert "MAX_PAYLOAD_BYTES" in detail


async def test_a_payload_just_below_the_limit_is_accepted_and_read_back(http: httpx2.AsyncClient) -> None:
    headers = JSON | {"Idempotency-Key": "just-below"}
    for status in ("Accepted", "PreviouslyAccepted"):
        sent = await http.post("/AsyncTaskWorker/runTask/send?delay=1h", content=task(FITS), headers=headers)
        assert (sent.status_code, sent.json()["status"]) == (202, status), sent.text
    await http.delete(f"/invocations/{sent.json()['invocationId']}")


async def test_a_result_that_is_too_large_fails_the_task_at_its_first_attempt(
    stack: Stack, http: httpx2.AsyncClient
) -> None:
    answer = await http.post("/AsyncTaskWorker/runTask", content=largest_task(stack), headers=JSON)
    document = problem(answer, 409, "payload-too-large")
    assert "MAX_PAYLOAD_BYTES" in document["detail"]
    described = (await http.get(f"/invocations/{document['invocationId']}")).json()
    assert (described["status"], described["attempts"]) == ("FAILED", 1)


async def test_a_task_whose_error_is_as_large_as_its_payload_fails_with_the_beginning_of_it(
    http: httpx2.AsyncClient,
) -> None:
    body = {"kind": "heavy_work", "maxAttempts": 2, "payload": {"fail": ["\U000e0001" * 250_000]}}
    document = problem(
        await http.post("/AsyncTaskWorker/runTask", content=json.dumps(body, ensure_ascii=False), headers=JSON),
        409,
        "execution-failed",
    )
    assert document["reason"].startswith("WorkFailed: ['")
    described = (await http.get(f"/invocations/{document['invocationId']}")).json()
    assert (described["status"], described["attempts"]) == ("FAILED", 2)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/AsyncTaskWorker/runTask", {"kind": "heavy_work", "payload": "x" * 1_000_000}),
        ("/FanOutWorker/run", {"description": "x" * 1_000_000}),
        ("/FanOutWorker/run", {"description": ",".join(["x" * 100] * 9_900)}),
    ],
)
async def test_a_body_of_almost_one_mebibyte_works(http: httpx2.AsyncClient, path: str, body: dict[str, Any]) -> None:
    answer = await http.post(path, json=body)
    assert answer.status_code == 200, answer.text[:500]


async def test_a_trip_with_the_longest_names_works(http: httpx2.AsyncClient) -> None:
    assert (await http.post("/BookingWorkflow/longest-names/run", json=LONG_TRIP)).status_code == 200


@pytest.mark.parametrize("character", ["x", "é", "€"])
async def test_a_delayed_message_to_the_longest_key_is_accepted(http: httpx2.AsyncClient, character: str) -> None:
    path = f"/PackageTracker/{character * 200}/registerPackage/send?delay=1h"
    sent = await http.post(path, json={"finalDestination": "Paris"})
    assert sent.status_code == 202, sent.text
    assert (await http.delete(f"/invocations/{sent.json()['invocationId']}")).status_code == 202


@pytest.fixture
async def narrow(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx2.AsyncClient]:
    """A gateway whose limit is 2,000 bytes."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", stack.temporal_address)
    settings = Settings(database_url=stack.database_url, max_payload_bytes=2_000)
    async with open_gateway(settings, KeyRing(), Authentication()) as gateway:
        transport = httpx2.ASGITransport(create_app(gateway))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield client


@pytest.mark.parametrize("query", ["", "?delay=1h"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/AsyncTaskWorker/runTask", {"kind": "heavy_work", "payload": "x" * 2_000}),
        ("/FanOutWorker/run", {"description": "x" * 2_000}),
        ("/UserFeed/large/processPost", {"content": "x" * 2_000, "metadata": ""}),
        ("/BookingWorkflow/large/run", LONG_TRIP),
    ],
)
async def test_a_lower_limit_bounds_every_kind_of_request(
    narrow: httpx2.AsyncClient, path: str, body: dict[str, Any], query: str
) -> None:
    document = problem(await narrow.post(f"{path}/send{query}", json=body), 413, "payload-too-large")
    assert "2000 are allowed (MAX_PAYLOAD_BYTES)" in document["detail"]
    if "/large/" in path:
        problem(await narrow.get(path.rpartition("/")[0]), 404, "not-found")
