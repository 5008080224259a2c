"""Commands for many: selected, shown, confirmed, carried out, each with its line."""

import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import httpx2

from cli.selections import carry_out
from tests.cli.running import Run
from tests.eventually import eventually

NO_RETURN = {
    "flights": {"flightId": "12345", "passengerName": "John Doe"},
    "car": {"pickupLocation": "NO-RETURN", "rentalDate": "2024-12-16"},
    "paymentInfo": {"cardNumber": "4111111111111111", "amount": 1500},
}


async def delayed_tasks(http: httpx2.AsyncClient, count: int) -> list[str]:
    path, body = "/AsyncTaskWorker/runTask/send?delay=1h", {"kind": "heavy_work"}
    return [(await http.post(path, json=body)).json()["invocationId"] for _ in range(count)]


async def test_of_several_cancellations_each_has_a_line_and_one_refusal_is_exit_code_1(
    patterns: Run, http: httpx2.AsyncClient
) -> None:
    [task] = await delayed_tasks(http, 1)

    ended = await patterns("invocations", "cancel", "booking:none", task)

    assert ended.code == 1
    _, refused, done = ended.out.splitlines()
    assert refused.split()[:2] == ["booking:none", "REFUSED"]
    assert "does not exist" in refused
    assert done.split() == [task, "DONE"]
    assert ended.err == "1 of 2 could not be done.\n"


async def test_what_matches_is_shown_asked_for_and_cancelled(patterns: Run, http: httpx2.AsyncClient) -> None:
    since = datetime.now(UTC).isoformat()
    tasks = {*await delayed_tasks(http, 3)}
    conditions = ("--service", "AsyncTaskWorker", "--status", "SCHEDULED", "--since", since)

    async def shown() -> bool:
        dry = await patterns("--json", "invocations", "cancel", *conditions, "--dry-run")
        return tasks == {each["invocationId"] for each in dry.value}

    await eventually(shown)
    unasked = await patterns("invocations", "cancel", *conditions)
    assert unasked.code == 1
    assert "Cancel 3 invocations?" in unasked.err

    ended = await patterns("--json", "invocations", "cancel", *conditions, "--yes")

    assert {each["invocationId"]: each["outcome"] for each in ended.value} == dict.fromkeys(tasks, "DONE")
    assert {(await http.get(f"/invocations/{each}")).json()["status"] for each in tasks} == {"CANCELLED"}


async def test_nothing_that_matches_is_said(patterns: Run) -> None:
    ended = await patterns("invocations", "cancel", "--key", uuid.uuid4().hex, "--yes")
    assert (ended.code, ended.out) == (0, "There are none that match.\n")


async def test_all_failed_tasks_are_shown_and_redriven(patterns: Run, http: httpx2.AsyncClient) -> None:
    failing = {"kind": "heavy_work", "payload": {"fail": "the disk is full"}, "maxAttempts": 1}
    tasks = {(await http.post("/AsyncTaskWorker/runTask", json=failing)).json()["invocationId"] for _ in range(2)}

    async def shown() -> bool:
        dry = await patterns("--json", "dead-letters", "redrive", "tasks", "--all", "--dry-run")
        return tasks <= {each["invocationId"] for each in dry.value}

    await eventually(shown)
    ended = await patterns("--json", "dead-letters", "redrive", "tasks", "--all")

    done = {each["invocationId"]: each["outcome"] for each in json.loads(ended.out)}
    assert {done[each] for each in tasks} == {"DONE"}


async def test_stuck_trips_are_resolved_by_key_and_together(patterns: Run, http: httpx2.AsyncClient) -> None:
    trips = [f"{uuid.uuid4().hex[:8]} {number}" for number in range(3)]
    for trip in trips:
        await http.post(f"/BookingWorkflow/{trip}/run/send", json=NO_RETURN)

    async def stuck() -> bool:
        dry = await patterns("--json", "trips", "resolve", "--all", "--retry", "--dry-run")
        return {*trips} <= {each["key"] for each in dry.value}

    await eventually(stuck)
    words = ("--compensation", "cancel car", "--note", "phoned the station")
    one = await patterns("--json", "trips", "resolve", trips[0], *words)
    assert [(each["key"], each["outcome"]) for each in one.value] == [(trips[0], "DONE")]
    again = await patterns("trips", "resolve", trips[0], *words)
    assert (again.code, "REFUSED" in again.out) == (1, True)

    rest = await patterns("--json", "trips", "resolve", "--all", "--yes", "--note", "phoned the station")

    assert {*trips[1:]} <= {each["key"] for each in json.loads(rest.out) if each["outcome"] == "DONE"}


def test_requests_are_bounded_and_what_is_left_is_asked_for_again() -> None:
    requests: list[list[str]] = []

    def send(chunk: Sequence[str]) -> list[dict[str, Any]]:
        requests.append([*chunk])
        is_first = sum(map(len, requests)) <= 450
        return [{"id": each, "outcome": "LEFT" if is_first and each.endswith("7") else "DONE"} for each in chunk]

    names = [str(number) for number in range(450)]
    items = carry_out([*names, "3"], send, "Testing")

    assert [len(each) for each in requests] == [200, 200, 50, 45]
    assert [each["id"] for each in items] == names
    assert {each["outcome"] for each in items} == {"DONE"}


def test_what_stays_left_is_reported_after_a_bounded_number_of_requests() -> None:
    asked = 0

    def send(chunk: Sequence[str]) -> list[dict[str, Any]]:
        nonlocal asked
        asked += 1
        return [{"id": each, "outcome": "LEFT"} for each in chunk]

    items = carry_out(["a"], send, "Testing")

    assert (asked, items) == (3, [{"id": "a", "outcome": "LEFT"}])
