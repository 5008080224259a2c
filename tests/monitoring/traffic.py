"""Some minutes of a running stack: calls and records of all six patterns, while things go wrong."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count
from typing import TypeVar

import httpx2
from aiokafka.errors import KafkaError

from infra.database_engines import SQLITE_BUSY_TIMEOUT_MS
from tests.brokers.fixtures import make_topic
from tests.monitoring.incidents import BOOKED, DECLINED, Watched, trip_body, unique

T = TypeVar("T")
PACKAGES = [f"package-{number}" for number in range(12)]
USERS = [f"user-{number}" for number in range(6)]
FEED = "service://UserFeed/processPost"
PAUSE_SECONDS = 10


class Traffic:
    """Until `seconds` have passed. What the stack refuses while something is wrong is not repeated."""

    def __init__(self, watched: Watched, seconds: float) -> None:
        self._watched = watched
        self._http = watched.http
        self._seconds = seconds

    async def run(self) -> None:
        await self._watched.subscription("locations")
        await self._watched.subscription("posts", FEED)
        for package in PACKAGES:
            await self._http.post(f"/PackageTracker/{package}/registerPackage", json={"finalDestination": "Amsterdam"})
        steady = {
            self._trip: 3,
            self._task: 2,
            self._job: 15,
            self._post: 4,
            self._post_record: 3,
            self._location: 1.5,
            self._invoice: 8,
            self._look: 4,
        }
        async with asyncio.TaskGroup() as group:
            ends = [group.create_task(self._repeat(call, every)) for call, every in steady.items()]
            await self._incidents()
            for task in ends:
                task.cancel()

    async def _repeat(self, call: Callable[[int], Awaitable[None]], every_seconds: float) -> None:
        async with asyncio.TaskGroup() as group:
            for number in count():
                group.create_task(self._try(call, number))
                await asyncio.sleep(every_seconds)

    async def _try(self, call: Callable[[int], Awaitable[None]], number: int) -> None:
        with suppress(httpx2.HTTPError, KafkaError):
            await call(number)

    async def _accepted(self, call: Callable[[], Awaitable[T]]) -> T:
        """A busy stack may ask to come back later."""
        while True:
            try:
                return await call()
            except httpx2.HTTPStatusError as error:
                if error.response.status_code != httpx2.codes.SERVICE_UNAVAILABLE:
                    raise
            except httpx2.TransportError:
                await asyncio.sleep(1)

    async def _incidents(self) -> None:
        """One after the other, over the whole time."""
        happens = (
            self._stuck_trip,
            self._poison,
            self._unreadable,
            self._locked_database,
            self._another_topic,
            self._silent("broker"),
            self._silent("temporal"),
            self._resolved,
        )
        for incident in happens:
            await asyncio.sleep(self._seconds / (len(happens) + 1))
            await incident()
        await asyncio.sleep(self._seconds / (len(happens) + 1))

    async def _stuck_trip(self) -> None:
        self._stuck = await self._accepted(lambda: self._watched.trip(DECLINED, "NO-RETURN"))
        await self._accepted(self._watched.failing_task)

    async def _poison(self) -> None:
        for _ in range(4):
            await self._watched.poison("locations")
            await asyncio.sleep(2)

    async def _unreadable(self) -> None:
        await self._watched.workflow_that_cannot_be_read()

    async def _locked_database(self) -> None:
        """For longer than SQLite waits: attempts of activities fail, and are repeated."""
        with self._watched.locked_database():
            await asyncio.sleep(SQLITE_BUSY_TIMEOUT_MS / 1_000 + PAUSE_SECONDS / 2)

    async def _another_topic(self) -> None:
        await self._watched.delete("locations")
        await asyncio.sleep(1)
        await make_topic(self._watched.stack.bootstrap, "locations")

    def _silent(self, process: str) -> Callable[[], Awaitable[None]]:
        async def incident() -> None:
            with self._watched.paused(process):
                await asyncio.sleep(PAUSE_SECONDS)

        return incident

    async def _resolved(self) -> None:
        with suppress(httpx2.HTTPStatusError):  # of a repetition, if the first one was carried out
            await self._accepted(lambda: self._watched.resolve(self._stuck))

    async def _trip(self, number: int) -> None:
        card = DECLINED if number % 3 == 2 else BOOKED
        await self._http.post(f"/BookingWorkflow/{unique()}/run", json=trip_body(card, "Airport"))

    async def _task(self, number: int) -> None:
        payload = {"fail": "as asked"} if number % 20 == 19 else {"taskId": number}
        await self._http.post(
            "/AsyncTaskWorker/runTask", json={"kind": "heavy_work", "payload": payload, "maxAttempts": 2}
        )

    async def _job(self, number: int) -> None:
        failing = ["fail"] if number % 4 == 3 else []
        parts = [f"part {part}" for part in range(8)] + failing
        await self._http.post("/FanOutWorker/run", json={"description": ",".join(parts)})

    async def _post(self, number: int) -> None:
        """Most are published; one waits for moderation until it goes to a person."""
        kind = {7: "slow", 3: "spam"}.get(number % 16, "plain")
        user = USERS[number % len(USERS)]
        await self._http.post(
            f"/UserFeed/{user}/processPost", json={"content": f"a {kind} post {number}", "metadata": "public"}
        )

    async def _post_record(self, number: int) -> None:
        value = json.dumps({"content": f"record {number}", "metadata": "public"}).encode()
        await self._watched.record("posts", value, USERS[number % len(USERS)])

    async def _location(self, number: int) -> None:
        """One of sixteen is of a package that was not registered."""
        key = None if number % 16 == 15 else PACKAGES[number % len(PACKAGES)]
        await self._watched.record("locations", key=key)

    async def _invoice(self, number: int) -> None:
        """Half are paid after a first reminder, the others are reminded until they are escalated."""
        invoice = await self._watched.failed_payment()
        if number % 2:
            await asyncio.sleep(2)
            await self._watched.payment(invoice)

    async def _look(self, number: int) -> None:
        for path in (f"/PackageTracker/{PACKAGES[number % len(PACKAGES)]}/getPackageInfo", "/BookingWorkflow/unknown"):
            await self._http.get(path)
