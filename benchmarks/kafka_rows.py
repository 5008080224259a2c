"""The rows that begin in a topic. The subscription stands, the records arrive while they are counted.

How many records are sent depends on how quick the system is: their number grows until it takes long enough to be
measured well, and what came before was the warm-up.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus

import aiohttp

from benchmarks.jobs import Answer, Calls, Produce
from benchmarks.measure import Measured, Session, WrongResult
from benchmarks.records import location
from benchmarks.stack import make_topic
from benchmarks.system import PARTITIONS
from domain.package_tracker import LOCATIONS_KEPT
from domain.patterns import PACKAGE_TRACKER, USER_FEED

FIRST, MOST = 200, 200_000
"""Records."""
SHORTEST_GROWTH, LONGEST_GROWTH = 3.0, 8.0
"""From one number to the next."""
WATCHED = 20
"""Keys, the last ones written, whose state tells that all is done; afterwards all are checked."""
GIVE_UP_AFTER_SECONDS = 120
USERS = 50
POSTS_OF_A_USER = 20
"""At least, so that the posts' cost is measured and not that of fifty beginnings."""
REGISTERED_ONCE = 1_000
"""Packages: so many, or more, serve for every number of records."""
EVENTS_FROM = 20

_LOCATIONS = f"service://{PACKAGE_TRACKER.service}/updateLocation"
_POSTS = f"service://{USER_FEED.service}/processPost"


def locations(keys: int) -> Callable[[Session], Awaitable[Measured]]:
    """Locations for so many packages. A thousand are registered once, fewer anew for each number of records."""

    async def measure(session: Session) -> Measured:
        topic = await _subscribed(session, _LOCATIONS)
        packages = Packages(session, topic, keys)
        await packages.send(keys)  # the consumer joins, the topic is known
        return await _grow(session, packages.send, first=max(FIRST, keys))

    return measure


async def posts(session: Session) -> Measured:
    topic = await _subscribed(session, _POSTS)
    feeds = Feeds(session, topic)
    await feeds.send(USERS)
    return await _grow(session, feeds.send, first=POSTS_OF_A_USER * USERS)


async def _grow(session: Session, send: Callable[[int], Awaitable[Measured]], first: int) -> Measured:
    records = first
    while True:
        measured = await send(records)
        if measured.seconds >= session.seconds or records == MOST:
            return measured
        growth = max(SHORTEST_GROWTH, min(LONGEST_GROWTH, session.seconds / measured.seconds))
        records = min(MOST, int(records * growth))


class Packages:
    """Sends locations, and waits until the packages show them."""

    def __init__(self, session: Session, topic: str, keys: int) -> None:
        self._session = session
        self._topic = topic
        self._keys = keys
        self._prefix = ""
        self._sent = 0
        self._batches = 0

    async def send(self, records: int) -> Measured:
        if self._keys < REGISTERED_ONCE or not self._prefix:
            self._batches += 1
            self._prefix, self._sent = f"k{self._keys}-{self._batches}", 0
            await self._calls("POST", "registerPackage", {"finalDestination": "Amsterdam"})
        first, self._sent = self._sent, self._sent + records
        events = await self._events()
        measured = await self._session.measure(lambda: self._load(first, records))
        if self._session.system.histories:
            measured.events_per_unit = (await self._events() - events) * self._keys / self._counted() / records
        await self._check()
        return measured

    async def _load(self, first: int, records: int) -> Answer:
        job = Produce(
            bootstrap=self._session.system.bootstrap,
            topic=self._topic,
            partitions=PARTITIONS,
            prefix=self._prefix,
            keys=self._keys,
            first=first,
            records=records,
            what="location",
        )
        began = time.perf_counter()
        producing = asyncio.create_task(self._session.generator.do(job))
        async with aiohttp.ClientSession(self._session.system.base_url) as http:
            for number in range(self._sent - 1, self._sent - 1 - min(WATCHED, self._keys), -1):
                await _until(began, partial(self._is_shown, http, number))
        answer = await producing
        answer.seconds = time.perf_counter() - began
        return answer

    async def _is_shown(self, http: aiohttp.ClientSession, number: int) -> bool:
        path = f"/PackageTracker/{self._prefix}-{number % self._keys}/getPackageInfo"
        async with http.get(path) as answer:
            if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:  # a thousand keys are before it: come again
                return False
            answer.raise_for_status()
            return f"Mountain Road {number}," in await answer.text()

    async def _check(self) -> None:
        """Each package shows the last of its locations, in order."""
        for text in await self._calls("GET", "getPackageInfo", None):
            shown = json.loads(text)["locations"]
            key = int(shown[-1]["location"].split()[2].rstrip(",")) % self._keys if shown else 0
            expected = [location(number) for number in range(key, self._sent, self._keys)][-LOCATIONS_KEPT:]
            if shown != expected:
                raise WrongResult(f"a package shows {len(shown)} locations, not the {len(expected)} of its records")

    async def _calls(self, method: str, handler: str, body: dict[str, str] | None) -> list[str]:
        answer = await self._session.generator.do(
            Calls(
                base_url=self._session.system.base_url,
                method=method,
                path=f"/PackageTracker/{{key}}/{handler}",
                body=body,
                prefix=self._prefix,
                keys=self._keys,
                concurrency=20,
                seconds=None,
                keep_answers=True,
            )
        )
        if answer.units != self._keys:
            raise WrongResult(f"{handler}: {answer.first_wrong}")
        return answer.answers

    async def _events(self) -> int:
        histories = self._session.system.histories
        ids = [PACKAGE_TRACKER.execution_id(f"{self._prefix}-{number}") for number in range(self._counted())]
        return await histories.of(ids) if histories else 0

    def _counted(self) -> int:
        return min(EVENTS_FROM, self._keys)


class Feeds:
    """Sends posts, and waits until the database has them published."""

    def __init__(self, session: Session, topic: str) -> None:
        self._session = session
        self._topic = topic
        self._batches = 0

    async def send(self, records: int) -> Measured:
        self._batches += 1
        prefix = f"u{self._batches}"
        job = Produce(
            bootstrap=self._session.system.bootstrap,
            topic=self._topic,
            partitions=PARTITIONS,
            prefix=prefix,
            keys=USERS,
            first=0,
            records=records,
            what="post",
        )
        measured = await self._session.measure(lambda: self._load(job))
        if histories := self._session.system.histories:
            ids = [USER_FEED.execution_id(f"{prefix}-{number}") for number in range(EVENTS_FROM)]
            measured.events_per_unit = await histories.of(ids) * USERS / EVENTS_FROM / records
        self._session.expect(
            "posts in feeds", records, "SELECT count(*) FROM feed_entries WHERE user LIKE ?", f"{prefix}-%"
        )
        return measured

    async def _load(self, job: Produce) -> Answer:
        query = "SELECT count(*) FROM posts WHERE user >= ? AND user < ? AND status = 'PUBLISHED'"

        async def all_are_published() -> bool:
            return self._session.system.count(query, f"{job.prefix}-", f"{job.prefix}.") >= job.records

        began = time.perf_counter()
        producing = asyncio.create_task(self._session.generator.do(job))
        await _until(began, all_are_published)
        answer = await producing
        answer.seconds = time.perf_counter() - began
        return answer


async def _until(began: float, condition: Callable[[], Awaitable[bool]]) -> None:
    """Ask ever less often, so that asking costs little and the time is right within four hundredths."""
    while not await condition():
        elapsed = time.perf_counter() - began
        if elapsed > GIVE_UP_AFTER_SECONDS:
            raise WrongResult(f"not done after {elapsed:.0f} s")
        await asyncio.sleep(max(0.02, 0.04 * elapsed))


async def _subscribed(session: Session, sink: str) -> str:
    """One subscription per sink, for as long as the system runs: joining a group takes seconds."""
    if sink not in session.topics:
        topic = f"bench-{sink.rpartition('/')[2]}"
        await make_topic(session.system.bootstrap, topic, PARTITIONS)
        await session.system.subscribe(topic, sink)
        session.topics[sink] = topic
    return session.topics[sink]
