"""Send, look up, wait, cancel; the same request twice."""

import asyncio
import uuid
from typing import Any

import httpx2
import pytest

from devstack.stack import Stack
from tests.eventually import eventually

TASK = {"kind": "heavy_work", "payload": {"n": 1}}


def key() -> str:
    return uuid.uuid4().hex


def post_event(event_id: str) -> dict[str, Any]:
    return {"type": "invoice", "created": 1633025000, "data": {"id": event_id, "customer": "cus_1"}}


SENDS: list[tuple[str, dict[str, Any]]] = [
    ("/AsyncTaskWorker/runTask", TASK),
    ("/FanOutWorker/run", {"description": "a,b"}),
    ("/UserFeed/{key}/processPost", {"content": "Hi!", "metadata": "public"}),
    ("/PaymentTracker/{key}/onPaymentSuccess", post_event("evt_1")),
    ("/PackageTracker/{key}/registerPackage", {"finalDestination": "Bridge 6, Amsterdam"}),
]


@pytest.mark.parametrize(("path", "body"), SENDS)
async def test_a_sent_request_can_be_looked_up_and_waited_for(
    http: httpx2.AsyncClient, path: str, body: dict[str, Any]
) -> None:
    sent = await http.post(f"{path.format(key=key())}/send", json=body)
    assert sent.status_code == 202, sent.text
    invocation_id = sent.json()["invocationId"]
    assert sent.json() == {"invocationId": invocation_id, "status": "Accepted"}
    assert "/namespaces/default/" in sent.headers["link"]
    attached = await http.get(f"/invocations/{invocation_id}/attach")
    assert attached.status_code == 200, attached.text
    output = await http.get(f"/invocations/{invocation_id}/output")
    assert (output.status_code, output.json()) == (200, attached.json())
    described = (await http.get(f"/invocations/{invocation_id}")).json()
    assert described["status"] == "COMPLETED"
    assert described["finishedAt"] is not None
    assert described["workflowId"] or described["activityId"]


@pytest.mark.parametrize(("path", "body"), SENDS)
async def test_an_idempotency_key_gives_the_first_outcome_and_refuses_another_body(
    http: httpx2.AsyncClient, path: str, body: dict[str, Any]
) -> None:
    path = path.format(key=key())
    headers = {"Idempotency-Key": key()}
    first = await http.post(path, json=body, headers=headers)
    again = await http.post(path, json=body, headers=headers)
    assert first.status_code == 200, first.text
    assert again.json() == first.json()
    assert again.headers["invocation-id"] == first.headers["invocation-id"]
    sent = await http.post(f"{path}/send", json=body, headers=headers)
    assert sent.json()["status"] == "PreviouslyAccepted"
    other = {
        name: f"{value} and more" if isinstance(value, str) and name != "kind" else value
        for name, value in body.items()
    }
    other |= {"payload": 2} if "payload" in other else {}
    conflict = await http.post(path, json=other, headers=headers)
    assert conflict.status_code == 409, conflict.text
    assert conflict.json()["type"] == "urn:problem:idempotency-conflict"


async def test_fifty_of_the_same_at_once_run_once(http: httpx2.AsyncClient) -> None:
    path, headers = f"/PackageTracker/{key()}/updateLocation", {"Idempotency-Key": key()}
    body = {"timestamp": "2024-10-10 13:00", "location": "Paris"}
    answers = await asyncio.gather(*(http.post(f"{path}/send", json=body, headers=headers) for _ in range(50)))
    statuses = [answer.json()["status"] for answer in answers]
    assert statuses.count("Accepted") == 1
    assert statuses.count("PreviouslyAccepted") == 49
    state = await http.post(path, json=body, headers=headers)
    assert state.json() == {"registered": False, "locations": 1}


@pytest.mark.parametrize(("path", "body"), SENDS)
async def test_a_delayed_request_waits_and_can_be_cancelled(
    http: httpx2.AsyncClient, path: str, body: dict[str, Any]
) -> None:
    path = f"{path.format(key=key())}/send"
    sent = await http.post(path, params={"delay": "1d"}, json=body)
    assert sent.json()["executionTime"]
    invocation_id = sent.json()["invocationId"]
    assert (await http.get(f"/invocations/{invocation_id}/output")).status_code == 202
    assert (await http.delete(f"/invocations/{invocation_id}")).status_code == 202

    async def cancelled() -> bool:
        answer = await http.get(f"/invocations/{invocation_id}/output")
        return answer.status_code == 409 and answer.json()["type"] == "urn:problem:execution-cancelled"

    await eventually(cancelled)


@pytest.mark.parametrize(("path", "body"), SENDS)
async def test_a_delayed_request_runs_after_its_delay(
    http: httpx2.AsyncClient, path: str, body: dict[str, Any]
) -> None:
    path, headers = f"{path.format(key=key())}/send", {"Idempotency-Key": key()}
    sent = await http.post(path, params={"delay": "500ms"}, json=body, headers=headers)
    again = await http.post(path, params={"delay": "500ms"}, json=body, headers=headers)
    assert (sent.json()["status"], again.json()["status"]) == ("Accepted", "PreviouslyAccepted")
    attached = await http.get(f"/invocations/{sent.json()['invocationId']}/attach")
    assert attached.status_code == 200, attached.text


async def test_a_delayed_message_sent_again_without_its_delay_keeps_it(http: httpx2.AsyncClient) -> None:
    path, headers = f"/PackageTracker/{key()}/registerPackage/send", {"Idempotency-Key": key()}
    body = {"finalDestination": "Amsterdam"}
    first = (await http.post(path, params={"delay": "1h"}, json=body, headers=headers)).json()
    again = (await http.post(path, json=body, headers=headers)).json()
    assert again == {**first, "status": "PreviouslyAccepted"}
    other = await http.post(path, json={"finalDestination": "Paris"}, headers=headers)
    assert other.status_code == 409
    assert (await http.get(f"/invocations/{first['invocationId']}")).json()["status"] == "SCHEDULED"


async def test_a_trip_cancelled_before_it_begins_reserves_nothing(http: httpx2.AsyncClient) -> None:
    trip = {
        "flights": {"flightId": "12345", "passengerName": "John Doe"},
        "car": {"pickupLocation": "Airport", "rentalDate": "2024-12-16"},
        "paymentInfo": {"cardNumber": "4242424242424242", "amount": 1500},
    }
    trip_id = key()
    sent = await http.post(f"/BookingWorkflow/{trip_id}/run/send", params={"delay": "1h"}, json=trip)
    state = await http.get(f"/BookingWorkflow/{trip_id}")
    assert (state.status_code, state.json()["type"]) == (409, "urn:problem:not-started")
    resolve = {"compensation": "cancel car", "retry": True}
    assert (await http.post(f"/BookingWorkflow/{key()}/resolveCompensation", json=resolve)).status_code == 404
    assert (await http.delete(f"/invocations/{sent.json()['invocationId']}")).status_code == 202

    async def cancelled() -> bool:
        return (await http.get(f"/invocations/booking:{trip_id}/output")).status_code == 409

    await eventually(cancelled)
    resolved = await http.post(f"/BookingWorkflow/{trip_id}/resolveCompensation", json=resolve)
    assert (resolved.status_code, resolved.json()["type"]) == (409, "urn:problem:not-stuck")


async def test_a_repeated_cancellation_has_no_further_effect(http: httpx2.AsyncClient) -> None:
    for _ in range(10):
        sent = await http.post("/AsyncTaskWorker/runTask/send", json=TASK)
        path = f"/invocations/{sent.json()['invocationId']}"
        answers = await asyncio.gather(*(http.delete(path) for _ in range(4)))
        assert {answer.status_code for answer in answers} <= {202, 409}, [answer.text for answer in answers]


async def test_a_trip_used_again_with_another_body_is_a_conflict(http: httpx2.AsyncClient) -> None:
    trip: dict[str, Any] = {
        "flights": {"flightId": "12345", "passengerName": "John Doe"},
        "car": {"pickupLocation": "Airport", "rentalDate": "2024-12-16"},
        "paymentInfo": {"cardNumber": "4242424242424242", "amount": 1500},
    }
    path = f"/BookingWorkflow/{key()}/run"
    first = await http.post(path, json=trip)
    assert (await http.post(path, json=trip)).json() == first.json()
    trip["paymentInfo"]["cardNumber"] = "4111111111111111"
    assert (await http.post(path, json=trip)).status_code == 409


async def test_a_task_that_fails_for_good_is_a_dead_letter_and_can_be_redriven(http: httpx2.AsyncClient) -> None:
    task = {"kind": "heavy_work", "payload": {"fail": "the disk is full"}, "maxAttempts": 1}
    failed = await http.post("/AsyncTaskWorker/runTask", json=task)
    assert failed.status_code == 409
    invocation_id = failed.headers.get("invocation-id") or failed.json()["invocationId"]

    async def listed() -> dict[str, Any] | None:
        letters = (await http.get("/AsyncTaskWorker/deadLetters")).json()["deadLetters"]
        return next((letter for letter in letters if letter["invocationId"] == invocation_id), None)

    letter = await eventually(listed)
    assert letter is not None
    assert letter["payload"] == {"fail": "the disk is full"}
    assert "the disk is full" in letter["reason"]
    again = await http.post(f"/AsyncTaskWorker/deadLetters/{invocation_id}/redrive")
    assert again.status_code == 202, again.text
    assert (await http.get(f"/invocations/{invocation_id}/attach")).status_code == 409


async def test_a_disconnect_ends_the_waiting_and_not_the_task(http: httpx2.AsyncClient) -> None:
    sent = await http.post("/AsyncTaskWorker/runTask/send", params={"delay": "3s"}, json=TASK)
    attach = f"/invocations/{sent.json()['invocationId']}/attach"
    with pytest.raises(httpx2.ReadTimeout):
        await http.get(attach, timeout=httpx2.Timeout(60, read=0.2))
    assert (await http.get(attach)).status_code == 200


@pytest.mark.parametrize(("path", "body"), [SENDS[0], SENDS[1], SENDS[4]])
async def test_a_wait_that_begins_while_temporal_hangs_is_answered_soon(
    http: httpx2.AsyncClient, stack: Stack, path: str, body: dict[str, Any]
) -> None:
    sent = await http.post(f"{path.format(key=key())}/send", json=body)
    stack.processes.pause("temporal")
    try:
        answer = await http.get(f"/invocations/{sent.json()['invocationId']}/attach")
    finally:
        stack.processes.resume("temporal")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:problem:temporal-unavailable")


async def test_the_document_describes_every_body_and_loads_offline(http: httpx2.AsyncClient) -> None:
    document = (await http.get("/openapi.json")).json()
    references = {
        operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for path in document["paths"].values()
        for operation in path.values()
        if "requestBody" in operation
    }
    assert {"TripRequest", "Task", "Job", "PaymentEvent", "SocialMediaPost"} <= references
    assert references <= document["components"]["schemas"].keys()
    page = (await http.get("/docs")).text
    assert "https://" not in page
    assert (await http.get("/health")).json() == {"status": "ok"}
    assert (await http.get("/ready")).json()["status"] == "ready"
    assert 'gateway_requests_total{method="GET",route="/health",status="200"}' in (await http.get("/metrics")).text
