"""One request for many: cancelled, redriven, resolved, each with its own line in the report."""

import asyncio
import uuid
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from tests.eventually import eventually

CANCEL = "/invocations/cancel"
REDRIVE = "/AsyncTaskWorker/deadLetters/redrive"
RESOLVE = "/BookingWorkflow/resolveCompensations"
FAILING = {"kind": "heavy_work", "payload": {"fail": "the disk is full"}, "maxAttempts": 1}
NO_RETURN = {
    "flights": {"flightId": "12345", "passengerName": "John Doe"},
    "car": {"pickupLocation": "NO-RETURN", "rentalDate": "2024-12-16"},
    "paymentInfo": {"cardNumber": "4111111111111111", "amount": 1500},
}


async def report(http: httpx2.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await http.post(path, json=body)
    assert answer.status_code == 200, answer.text
    read: dict[str, Any] = answer.json()
    return read


def outcomes(reported: dict[str, Any]) -> dict[str, str]:
    return {each["invocationId"]: each["outcome"] for each in reported["items"]}


async def delayed_task(http: httpx2.AsyncClient) -> str:
    sent = await http.post("/AsyncTaskWorker/runTask/send?delay=1h", json={"kind": "heavy_work"})
    invocation_id: str = sent.json()["invocationId"]
    return invocation_id


async def status(http: httpx2.AsyncClient, invocation_id: str) -> str:
    found: str = (await http.get(f"/invocations/{invocation_id}")).json()["status"]
    return found


class TestCancel:
    async def test_each_id_has_its_outcome_and_reason(self, http: httpx2.AsyncClient) -> None:
        done = (await http.post("/AsyncTaskWorker/runTask/send", json={"kind": "heavy_work"})).json()["invocationId"]
        await http.get(f"/invocations/{done}/attach")
        task, package = await delayed_task(http), uuid.uuid4().hex
        body = {"finalDestination": "Paris"}
        message = await http.post(f"/PackageTracker/{package}/registerPackage/send?delay=1h", json=body)
        unknown, strange = f"booking:{uuid.uuid4().hex}", "nonsense"
        ids = [task, message.json()["invocationId"], done, unknown, strange, task]

        reported = await report(http, CANCEL, {"invocationIds": ids})

        items = {each["invocationId"]: each for each in reported["items"]}
        assert [*items] == ids[:5]
        assert [each["outcome"] for each in items.values()] == ["DONE", "DONE", "REFUSED", "REFUSED", "REFUSED"]
        types = [each["type"] for each in items.values()]
        assert types == [None, None, "urn:problem:already-finished", "urn:problem:not-found", "urn:problem:not-found"]
        assert "nothing to cancel" in items[done]["reason"]
        assert reported["next"] is None
        assert await status(http, task) == "CANCELLED"

    async def test_a_repeated_request_reports_the_same(self, http: httpx2.AsyncClient) -> None:
        ids = [await delayed_task(http) for _ in range(3)]

        reports = [outcomes(await report(http, CANCEL, {"invocationIds": ids})) for _ in range(2)]

        assert reports == [dict.fromkeys(ids, "DONE")] * 2
        assert (await http.delete(f"/invocations/{ids[0]}")).status_code == 202

    async def test_conditions_select_what_is_open_page_by_page(self, http: httpx2.AsyncClient) -> None:
        since = datetime.now(UTC).isoformat()
        package = uuid.uuid4().hex
        register = f"/PackageTracker/{package}/registerPackage"
        await http.post(register, json={"finalDestination": "Paris"})
        sent = [await http.post(f"{register}/send?delay=1h", json={"finalDestination": f"{n}"}) for n in range(3)]
        ids = {each.json()["invocationId"] for each in sent}
        conditions = {"service": "PackageTracker", "key": package, "since": since}

        async def all_are_listed() -> bool:
            listed = (await http.get("/invocations", params=conditions)).json()["executions"]
            return len(listed) == 4

        await eventually(all_are_listed)
        shown = await report(http, CANCEL, {**conditions, "dryRun": True})
        assert outcomes(shown) == dict.fromkeys(ids, "SELECTED")
        assert {await status(http, each) for each in ids} == {"SCHEDULED"}

        first = await report(http, CANCEL, {**conditions, "limit": 2})
        second = await report(http, CANCEL, {**conditions, "limit": 2, **first["next"]})

        assert outcomes(first) | outcomes(second) == dict.fromkeys(ids, "DONE")
        assert (len(first["items"]), second["next"]) == (2, None)
        entity = (await http.get("/PackageTracker", params={"since": since})).json()["executions"]
        assert [each["status"] for each in entity if each["key"] == package] == ["RUNNING"], "an entity lasts"

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "body"),
            ({"invocationIds": []}, "invocationIds"),
            ({"invocationIds": ["a"] * 201}, "invocationIds"),
            ({"invocationIds": ["a"], "service": "FanOutWorker"}, "body"),
            ({"invocationIds": ["a"], "dryRun": True}, "body"),
            ({"service": "FanOut"}, "service"),
            ({"status": "FAILED"}, "status"),
            ({"service": "FanOutWorker", "since": "yesterday"}, "since"),
            ({"service": "FanOutWorker", "cursor": "x"}, "cursor"),
            ({"service": "FanOutWorker", "limit": 201}, "limit"),
            ({"service": "FanOutWorker", "kind": "x"}, "kind"),
        ],
    )
    async def test_a_selection_that_cannot_be_meant_is_refused(
        self, http: httpx2.AsyncClient, body: dict[str, Any], field: str
    ) -> None:
        answer = await http.post(CANCEL, json=body)

        assert (answer.status_code, answer.json()["type"]) == (422, "urn:problem:invalid-body")
        assert [each["field"] for each in answer.json()["errors"]] == [field]


class TestRedrive:
    async def failed(self, http: httpx2.AsyncClient) -> str:
        failed = await http.post("/AsyncTaskWorker/runTask", json=FAILING)
        invocation_id: str = failed.json()["invocationId"]
        return invocation_id

    async def listed(self, http: httpx2.AsyncClient, *tasks: str) -> None:
        async def are() -> bool:
            letters = (await http.get("/AsyncTaskWorker/deadLetters?limit=200")).json()["deadLetters"]
            return {*tasks} <= {each["invocationId"] for each in letters}

        await eventually(are)

    async def test_each_id_has_its_outcome(self, http: httpx2.AsyncClient) -> None:
        failed, waiting, unknown = await self.failed(http), await delayed_task(http), "message-queue:unknown"

        reported = await report(http, REDRIVE, {"invocationIds": [failed, waiting, unknown, "booking:x"]})

        types = [each["type"] for each in reported["items"]]
        assert types == [None, "urn:problem:not-failed", "urn:problem:not-found", "urn:problem:not-found"]
        assert outcomes(reported)[failed] == "DONE"

    async def test_all_are_redriven_once_though_they_fail_again(self, http: httpx2.AsyncClient) -> None:
        tasks = [await self.failed(http) for _ in range(5)]
        await self.listed(http, *tasks)
        shown = await report(http, REDRIVE, {"all": True, "dryRun": True})
        assert dict.fromkeys(tasks, "SELECTED").items() <= outcomes(shown).items()

        done, following = list[str](), dict[str, Any]()
        while True:
            reported = await report(http, REDRIVE, {"all": True, "limit": 2, **following})
            done += [each["invocationId"] for each in reported["items"]]
            await asyncio.gather(*(http.get(f"/invocations/{each}/attach") for each in done[-2:]))
            if reported["next"] is None:
                break
            following = reported["next"]

        assert len(done) == len({*done})
        assert {*tasks} <= {*done}

    @pytest.mark.parametrize("body", [{}, {"all": False}, {"all": True, "invocationIds": ["a"]}])
    async def test_a_selection_that_cannot_be_meant_is_refused(
        self, http: httpx2.AsyncClient, body: dict[str, Any]
    ) -> None:
        answer = await http.post(REDRIVE, json=body)
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:problem:invalid-body")

    async def test_a_position_that_is_none_is_refused(self, http: httpx2.AsyncClient) -> None:
        answer = await http.post(REDRIVE, json={"all": True, "cursor": "x"})
        assert [each["field"] for each in answer.json()["errors"]] == ["cursor"]


class TestResolve:
    async def stuck(self, http: httpx2.AsyncClient, trips: list[str]) -> None:
        for trip in trips:
            await http.post(f"/BookingWorkflow/{trip}/run/send", json=NO_RETURN)

        async def listed() -> bool:
            query = {"service": "BookingWorkflow", "patternStatus": "COMPENSATION_STUCK", "limit": "200"}
            found = (await http.get("/invocations", params=query)).json()["executions"]
            assert {each["patternStatus"] for each in found} <= {"COMPENSATION_STUCK"}
            return {*trips} <= {each["key"] for each in found}

        await eventually(listed)

    async def test_stuck_trips_are_resolved_by_key_and_all_at_once(self, http: httpx2.AsyncClient) -> None:
        run = uuid.uuid4().hex[:8]
        trips = [f"{run}-{number}" for number in range(3)]
        await self.stuck(http, trips)
        note = {"note": "phoned the station"}

        named = await report(http, RESOLVE, {"keys": [trips[0], f"{run}-none"], "compensation": "cancel car", **note})
        assert [(each["outcome"], each["type"]) for each in named["items"]] == [
            ("DONE", None),
            ("REFUSED", "urn:problem:not-found"),
        ]
        assert (await http.get(f"/invocations/booking:{trips[0]}/attach")).json()["compensations"][1] == {
            "name": "cancel car",
            "status": "RESOLVED",
            "note": "phoned the station",
        }
        repeated = await report(http, RESOLVE, {"keys": [trips[0]], **note})
        assert [each["type"] for each in repeated["items"]] == ["urn:problem:not-stuck"]

        shown = await report(http, RESOLVE, {"all": True, "dryRun": True, **note})
        assert {f"booking:{each}" for each in trips[1:]} <= {*outcomes(shown)}
        done = await report(http, RESOLVE, {"all": True, **note})
        assert dict.fromkeys((f"booking:{each}" for each in trips[1:]), "DONE").items() <= outcomes(done).items()
        for trip in trips:
            assert (await http.get(f"/invocations/booking:{trip}/attach")).json()["type"] == "urn:problem:trip-failed"

    @pytest.mark.parametrize("body", [{"all": True}, {"all": True, "note": " "}, {"retry": True}, {"keys": ["a"]}])
    async def test_without_trips_or_a_decision_it_is_refused(
        self, http: httpx2.AsyncClient, body: dict[str, Any]
    ) -> None:
        answer = await http.post(RESOLVE, json=body)
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:problem:invalid-body")
