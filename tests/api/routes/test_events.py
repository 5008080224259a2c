"""Live events: the state now, each change, the outcome; one reader for all who watch."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from temporalio.service import RPCError, RPCStatusCode

from api.http import watches
from api.http.problems import not_found
from api.http.watches import Snapshot, Watches, events
from tests.eventually import eventually

Event = tuple[str, Any, str | None]
"""Its name, its data, its ID."""


@asynccontextmanager
async def stream(http: httpx2.AsyncClient, path: str, **headers: str) -> AsyncIterator[AsyncIterator[Event]]:
    async with http.stream("GET", path, headers=headers) as answer:
        if answer.status_code != 200:
            await answer.aread()
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield parsed(answer.aiter_lines())


async def parsed(lines: AsyncIterator[str]) -> AsyncIterator[Event]:
    fields: dict[str, str] = {}
    async for line in lines:
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield fields["event"], json.loads(fields["data"]), fields.get("id")
            fields = {}


async def test_a_task_is_watched_from_its_delay_to_its_outcome(http: httpx2.AsyncClient) -> None:
    sent = await http.post("/AsyncTaskWorker/runTask/send?delay=2s", json={"kind": "heavy_work"})
    path = f"/invocations/{sent.json()['invocationId']}/events"

    async with stream(http, path) as seen:
        names_and_data = [(name, data) async for name, data, _ in seen]

    assert [name for name, _ in names_and_data][-1] == "outcome"
    assert names_and_data[0][1]["status"] == "SCHEDULED"
    assert names_and_data[-2][1]["status"] == "COMPLETED"
    assert names_and_data[-1][1]["status"] == 200


async def test_a_failure_is_an_outcome(http: httpx2.AsyncClient) -> None:
    failing = {"kind": "heavy_work", "payload": {"fail": "the disk is full"}, "maxAttempts": 1}
    sent = await http.post("/AsyncTaskWorker/runTask/send", json=failing)

    async with stream(http, f"/invocations/{sent.json()['invocationId']}/events") as seen:
        *_, (name, outcome, _) = [event async for event in seen]

    assert (name, outcome["status"]) == ("outcome", 409)
    assert "the disk is full" in outcome["body"]["detail"]


async def test_the_state_of_a_key_is_sent_at_each_change(http: httpx2.AsyncClient) -> None:
    package = uuid.uuid4().hex
    await http.post(f"/PackageTracker/{package}/registerPackage", json={"finalDestination": "Paris"})

    async with stream(http, f"/PackageTracker/{package}/events") as seen:
        name, state, _ = await anext(seen)
        assert (name, state["package-info"]["finalDestination"]) == ("state", "Paris")
        await http.post(
            f"/PackageTracker/{package}/updateLocation", json={"timestamp": "2024-10-10 13:00", "location": "Berlin"}
        )
        name, state, _ = await anext(seen)

    assert name == "state"
    assert [each["location"] for each in state["package-info"]["locations"]] == ["Berlin"]


async def test_what_waits_for_a_registration_is_a_state_too(http: httpx2.AsyncClient) -> None:
    path = f"/PackageTracker/{uuid.uuid4().hex}"
    location = {"timestamp": "2024-10-10 13:00", "location": "Berlin"}
    await http.post(f"{path}/updateLocation", json=location)

    async with stream(http, f"{path}/events") as seen:
        _, early, _ = await anext(seen)
        await http.post(f"{path}/registerPackage", json={"finalDestination": "Paris"})
        _, joined, _ = await anext(seen)

    assert early["package-info"] is None
    assert (early["waiting"]["locations"], early["waiting"]["received"]) == ([location], 1)
    assert joined == {"package-info": {"finalDestination": "Paris", "locations": [location]}}


async def test_a_client_that_has_the_state_gets_the_next_one(http: httpx2.AsyncClient) -> None:
    package = uuid.uuid4().hex
    await http.post(f"/PackageTracker/{package}/registerPackage", json={"finalDestination": "Paris"})
    async with stream(http, f"/PackageTracker/{package}/events") as seen:
        _, _, last = await anext(seen)
    assert last

    async with stream(http, f"/PackageTracker/{package}/events", **{"last-event-id": last}) as seen:
        await http.post(f"/PackageTracker/{package}/registerPackage", json={"finalDestination": "Rome"})
        _, state, _ = await anext(seen)

    assert state["package-info"]["finalDestination"] == "Rome"


async def test_head_of_a_stream_ends(http: httpx2.AsyncClient) -> None:
    package = uuid.uuid4().hex
    await http.post(f"/PackageTracker/{package}/registerPackage", json={"finalDestination": "Paris"})

    answer = await http.head(f"/PackageTracker/{package}/events")

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")


@pytest.mark.parametrize(
    "path", ["/invocations/booking:none/events", "/UserFeed/none/events", "/subscriptions/none/events"]
)
async def test_what_does_not_exist_cannot_be_watched(http: httpx2.AsyncClient, path: str) -> None:
    answer = await http.get(path)

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


class Source:
    """What is watched: answers with `now`, or raises it."""

    def __init__(self, now: str | Exception) -> None:
        self.now: str | Exception | Snapshot = now
        self.reads = 0

    async def __call__(self) -> Snapshot:
        self.reads += 1
        await asyncio.sleep(0)
        if isinstance(self.now, Exception):
            raise self.now
        return self.now if isinstance(self.now, Snapshot) else Snapshot(self.now)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watches, "PAUSE", watches.PAUSE / 50)


async def test_a_thousand_watchers_are_one_reader() -> None:
    source, shared = Source("1"), Watches()

    async def watch() -> list[str | None]:
        async with shared.watching("key", source) as watched:
            return [event.raw_data async for event in events(watched, None)]

    watching = [asyncio.create_task(watch()) for _ in range(1000)]
    await eventually(lambda: source.reads > 2)
    source.now = Snapshot("2", outcome="done")
    seen = await asyncio.gather(*watching)

    assert {*map(tuple, seen)} == {("1", "2", "done")}
    assert source.reads < 100


async def test_the_last_watcher_ends_the_reading() -> None:
    source, shared = Source("1"), Watches()
    async with shared.watching("key", source), shared.watching("key", source):
        await eventually(lambda: source.reads > 3)

    reads = source.reads
    async with shared.watching("other", Source("1")) as other:
        await eventually(lambda: other.watchers == 1)
        await asyncio.sleep(watches.PAUSE.total_seconds() * 3)

    assert source.reads == reads


async def test_an_outage_is_said_once_and_the_state_after_it() -> None:
    source = Source("1")
    async with Watches().watching("key", source) as watched:
        seen = events(watched, None)
        assert (await anext(seen)).raw_data == "1"
        source.now = RPCError("no", RPCStatusCode.UNAVAILABLE, b"")
        outage = await anext(seen)
        reads = source.reads
        await eventually(lambda: source.reads > reads + 3)
        source.now = "1"
        after = await anext(seen)

    assert (outage.event, outage.data["status"]) == ("unavailable", 503)
    assert (after.event, after.raw_data) == ("state", "1")


async def test_what_is_deleted_is_gone() -> None:
    source = Source("1")
    async with Watches().watching("key", source) as watched:
        seen = events(watched, None)
        await anext(seen)
        source.now = not_found("It")
        rest = [event.event async for event in seen]

    assert rest == ["gone"]


async def test_a_gateway_that_stops_ends_the_streams() -> None:
    shared = Watches()
    async with shared.watching("key", Source("1")) as watched:
        seen = events(watched, None)
        await anext(seen)
        shared.close()

        assert [event async for event in seen] == []

    async with shared.watching("other", Source("2")) as watched:
        assert [event.raw_data async for event in events(watched, None)] == ["2"]
