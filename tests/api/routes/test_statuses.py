"""What an invocation's status says, when it is due, and why it failed."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from temporalio.client import Client
from temporalio.exceptions import ActivityError, ApplicationError, RetryState

from api.invokers.invocation import MAX_REASON_CHARACTERS, reason_of
from devstack.stack import Stack
from tests.eventually import eventually

TRIP = {
    "flights": {"flightId": "12345", "passengerName": "John Doe"},
    "car": {"pickupLocation": "Airport", "rentalDate": "2024-12-16"},
    "paymentInfo": {"cardNumber": "4242424242424242", "amount": 1500},
}
KINDS: list[tuple[str, dict[str, Any]]] = [
    ("/AsyncTaskWorker/runTask", {"kind": "heavy_work"}),
    ("/FanOutWorker/run", {"description": "a"}),
    ("/BookingWorkflow/{key}/run", TRIP),
    ("/PackageTracker/{key}/registerPackage", {"finalDestination": "Paris"}),
]
kinds = pytest.mark.parametrize(("path", "body"), KINDS, ids=[path.split("/")[1] for path, _ in KINDS])


def key() -> str:
    return uuid.uuid4().hex


async def answer_of(http: httpx2.AsyncClient, invocation_id: str, suffix: str = "") -> dict[str, Any]:
    read: dict[str, Any] = (await http.get(f"/invocations/{invocation_id}{suffix}")).json()
    return read


@kinds
async def test_what_waits_for_its_delay_is_scheduled(http: httpx2.AsyncClient, path: str, body: dict[str, Any]) -> None:
    answer = await http.post(f"{path.format(key=key())}/send?delay=1h", json=body)
    invocation_id = answer.json()["invocationId"]
    described = await answer_of(http, invocation_id)
    assert (described["status"], described["attempts"], described["progress"] or {}) in (
        ("SCHEDULED", 0, {}),
        ("SCHEDULED", 0, {"kind": "heavy_work", "priority": 3, "maxAttempts": 10}),
    )
    output = await http.get(f"/invocations/{invocation_id}/output")
    assert (output.status_code, output.json()["status"]) == (202, "SCHEDULED")
    await http.delete(f"/invocations/{invocation_id}")

    async def cancelled() -> bool:
        return bool((await answer_of(http, invocation_id))["status"] == "CANCELLED")

    await eventually(cancelled)


@kinds
async def test_a_repeated_request_is_answered_with_the_time_of_the_first(
    http: httpx2.AsyncClient, path: str, body: dict[str, Any]
) -> None:
    path, headers = f"{path.format(key=key())}/send", {"Idempotency-Key": key()}
    first = (await http.post(f"{path}?delay=1h", json=body, headers=headers)).json()
    for query in ("?delay=1h", "?delay=2h", ""):
        again = (await http.post(f"{path}{query}", json=body, headers=headers)).json()
        assert again == {**first, "status": "PreviouslyAccepted"}
    assert (await answer_of(http, first["invocationId"]))["executionTime"] == first["executionTime"]
    due = datetime.fromisoformat(first["executionTime"])
    assert timedelta(minutes=50) < due - datetime.now(UTC) <= timedelta(hours=1)
    await http.delete(f"/invocations/{first['invocationId']}")


@kinds
async def test_a_repeated_request_has_that_time_after_it_was_executed_too(
    http: httpx2.AsyncClient, path: str, body: dict[str, Any]
) -> None:
    path, headers = f"{path.format(key=key())}/send", {"Idempotency-Key": key()}
    first = (await http.post(f"{path}?delay=100ms", json=body, headers=headers)).json()
    assert (await http.get(f"/invocations/{first['invocationId']}/attach")).status_code == 200
    again = (await http.post(f"{path}?delay=1h", json=body, headers=headers)).json()
    assert again == {**first, "status": "PreviouslyAccepted"}
    described = await answer_of(http, first["invocationId"])
    assert (described["status"], described["attempts"]) == ("COMPLETED", 1)


@kinds
async def test_a_request_without_a_delay_has_no_time(http: httpx2.AsyncClient, path: str, body: dict[str, Any]) -> None:
    path, headers = f"{path.format(key=key())}/send", {"Idempotency-Key": key()}
    for _ in range(2):
        assert "executionTime" not in (await http.post(path, json=body, headers=headers)).json()


async def test_a_terminated_message_is_reported_as_terminated(http: httpx2.AsyncClient, stack: Stack) -> None:
    path = f"/PackageTracker/{key()}/registerPackage/send?delay=1h"
    invocation_id = (await http.post(path, json={"finalDestination": "Paris"})).json()["invocationId"]
    client = await Client.connect(stack.temporal_address)
    await client.get_activity_handle(invocation_id).terminate()

    async def terminated() -> bool:
        answer = await answer_of(http, invocation_id, "/output")
        return bool(answer.get("type") == "urn:problem:execution-terminated")

    await eventually(terminated)
    assert (await http.delete(f"/invocations/{invocation_id}")).status_code == 409


async def test_a_task_that_an_operator_paused_is_shown_so_and_can_be_cancelled(
    http: httpx2.AsyncClient, stack: Stack
) -> None:
    sent = await http.post("/AsyncTaskWorker/runTask/send?delay=1h", json={"kind": "heavy_work"})
    invocation_id = sent.json()["invocationId"]
    client = await Client.connect(stack.temporal_address)
    await client.get_activity_handle(invocation_id).pause()
    assert (await answer_of(http, invocation_id))["status"] == "PAUSED"
    assert (await http.delete(f"/invocations/{invocation_id}")).status_code == 202

    async def cancelled() -> bool:
        return bool((await answer_of(http, invocation_id))["status"] == "CANCELLED")

    await eventually(cancelled)


async def test_a_delayed_trip_waits_for_no_decision_and_keeps_its_delay(http: httpx2.AsyncClient) -> None:
    trip = key()
    await http.post(f"/BookingWorkflow/{trip}/run/send?delay=1h", json=TRIP)
    resolve = {"compensation": "cancel car", "retry": True}
    answer = await http.post(f"/BookingWorkflow/{trip}/resolveCompensation", json=resolve)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:problem:not-started")
    assert (await answer_of(http, f"booking:{trip}"))["status"] == "SCHEDULED"
    await http.delete(f"/invocations/booking:{trip}")


async def test_a_task_that_failed_for_good_says_why_wherever_it_is_asked_for(http: httpx2.AsyncClient) -> None:
    payload = {"fail": "ftp://bob:hunter2@files.example.com is full\nSELECT secret"}
    task = {"kind": "heavy_work", "payload": payload, "maxAttempts": 1}
    waited = await http.post("/AsyncTaskWorker/runTask", json=task)
    invocation_id = waited.json()["invocationId"]
    for answer in (
        waited,
        await http.get(f"/invocations/{invocation_id}/output"),
        await http.get(f"/invocations/{invocation_id}/attach"),
    ):
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:problem:execution-failed")
        assert answer.json()["reason"] == "WorkFailed: ftp://***@files.example.com is full"
        assert answer.json()["reason"] in answer.json()["detail"]

    async def listed() -> bool:
        letters = (await http.get("/AsyncTaskWorker/deadLetters")).json()["deadLetters"]
        return waited.json()["reason"] in [each["reason"] for each in letters if each["invocationId"] == invocation_id]

    await eventually(listed)


class TestReason:
    def test_a_long_one_is_cut(self) -> None:
        assert reason_of(ValueError("x" * 10_000)) == "x" * (MAX_REASON_CHARACTERS - 1) + "…"

    @pytest.mark.parametrize("failure", [None, ValueError(), ValueError("  \n")])
    def test_without_one_it_says_so(self, failure: Exception | None) -> None:
        assert reason_of(failure) == "it gave no reason"

    def test_the_error_of_an_activity_is_the_one_that_it_raised(self) -> None:
        failure = ActivityError(
            "Activity task failed",
            scheduled_event_id=1,
            started_event_id=2,
            identity="",
            activity_type="a",
            activity_id="1",
            retry_state=RetryState.MAXIMUM_ATTEMPTS_REACHED,
        )
        failure.__cause__ = ApplicationError("no paper", type="WorkFailed")
        assert reason_of(failure) == "WorkFailed: no paper"

    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            ("https://a:p@ss@example.com/x", "https://***@example.com/x"),
            ("https://a:b@example.com/x@y", "https://***@example.com/x@y"),
            ("postgresql+asyncpg://user:pass@db/x", "postgresql+asyncpg://***@db/x"),
            ("https://example.com/@user", "https://example.com/@user"),
        ],
    )
    def test_the_credentials_in_a_url_are_left_out(self, url: str, shown: str) -> None:
        assert reason_of(ValueError(f"{url} answered 500.")) == f"{shown} answered 500."
