"""Packages: their state read over HTTP, and their locations from a topic."""

import json
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp
from pydantic import JsonValue

from benchmarks.compare.load.jobs import Expected, HttpCalls, Report
from benchmarks.compare.rows.calls import MANY, SOME, Calls, events_per_key
from benchmarks.compare.rows.kafka import FIRST_RECORDS, grow, records_job, subscribed_topic, write_until
from benchmarks.compare.rows.row import Measure
from benchmarks.compare.session import Measured, Session, WrongResult
from benchmarks.harness.bodies import REGISTRATION, location
from domain.package_tracker import LOCATIONS_KEPT, PACKAGE_TRACKER

READ_PREFIX = "read"
"""The prefix of the packages that are read."""
READ_LOCATIONS = 3
"""How many locations each of them has."""
WATCHED = 20
"""Packages whose state is awaited, those with the last records; afterwards all are checked."""
REGISTERED_ONCE = 1_000
"""So many packages, or more, serve for every number of records; fewer are new ones each time."""


async def state_read(session: Session) -> Measured:
    if not session.by_temporal_client:
        await _call_each(session, "registerPackage", REGISTRATION, prefix=READ_PREFIX, keys=MANY)
        for number in range(READ_LOCATIONS):
            await _call_each(session, "updateLocation", location(number), prefix=READ_PREFIX, keys=MANY)
    expected = Expected(text="Mountain Road", times=READ_LOCATIONS)
    path = "/PackageTracker/{key}/getPackageInfo"
    measured, _ = await Calls("state-read", path, None, expected, SOME, existing_prefix=READ_PREFIX).measure(session)
    return measured


def from_kafka(keys: int) -> Measure:
    """Locations of so many packages."""

    async def measure(session: Session) -> Measured:
        packages = Packages(session, await subscribed_topic(session, PACKAGE_TRACKER.service, "updateLocation"), keys)
        await packages.measure(keys)  # the consumer joins, the topic is known
        return await grow(session, packages.measure, first_records=max(FIRST_RECORDS, keys))

    return measure


@dataclass
class Packages:
    """Writes locations, and waits until the packages show them."""

    session: Session
    topic: str
    keys: int
    _prefix: str = ""
    _written: int = 0
    """Records for the packages with this prefix."""
    _generation: int = 0

    async def measure(self, records: int) -> Measured:
        if self.keys < REGISTERED_ONCE or not self._prefix:
            await self._register_new()
        numbers = range(self._written, self._written + records)
        self._written = numbers.stop
        before = await self._events_per_package()
        measured = await self.session.measure(lambda: self._write(numbers))
        after = await self._events_per_package()
        if before is not None and after is not None:
            measured.events_per_unit = (after - before) * self.keys / records
        await self._check()
        return measured

    async def _register_new(self) -> None:
        self._generation += 1
        self._prefix, self._written = f"k{self.keys}-{self._generation}", 0
        await _call_each(self.session, "registerPackage", REGISTRATION, prefix=self._prefix, keys=self.keys)

    async def _write(self, numbers: range) -> Report:
        """The time is until the packages of the last records show them."""
        job = records_job(self.session, self.topic, "location", prefix=self._prefix, keys=self.keys, numbers=numbers)
        awaited = list(reversed(range(numbers.stop - min(WATCHED, self.keys), numbers.stop)))
        system = self.session.system
        async with aiohttp.ClientSession(system.base_url, headers=system.credentials) as http:

            async def all_are_shown() -> bool:
                while awaited and await self._is_shown(http, awaited[0]):
                    awaited.pop(0)
                return not awaited

            return await write_until(self.session, job, all_are_shown)

    async def _is_shown(self, http: aiohttp.ClientSession, number: int) -> bool:
        path = f"/PackageTracker/{self._prefix}-{number % self.keys}/getPackageInfo"
        async with http.get(path) as answer:
            if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:  # a thousand keys are before it: ask again
                return False
            answer.raise_for_status()
            return f"Mountain Road {number}," in await answer.text()

    async def _check(self) -> None:
        """Raises `WrongResult` unless each package shows the last of its locations, in order."""
        answers = await _call_each(self.session, "getPackageInfo", None, prefix=self._prefix, keys=self.keys)
        for text in answers:
            shown = json.loads(text)["locations"]
            key = int(shown[-1]["location"].split()[2].rstrip(",")) % self.keys if shown else 0
            expected = [location(number) for number in range(key, self._written, self.keys)][-LOCATIONS_KEPT:]
            if shown != expected:
                raise WrongResult(f"a package shows {len(shown)} locations, not the {len(expected)} of its records")

    async def _events_per_package(self) -> float | None:
        return await events_per_key(self.session, PACKAGE_TRACKER, self._prefix, self.keys)


async def _call_each(session: Session, handler: str, body: JsonValue, *, prefix: str, keys: int) -> list[str]:
    """Call the handler once for each package. Returns the answers; raises `WrongResult` if a call fails."""
    report = await session.generator.do(
        HttpCalls(
            base_url=session.system.base_url,
            method="GET" if body is None else "POST",
            path=f"/PackageTracker/{{key}}/{handler}",
            body=body,
            headers=session.system.credentials,
            prefix=prefix,
            keys=keys,
            concurrency=SOME,
            seconds=None,
            keep_answers=True,
        )
    )
    if report.units != keys:
        raise WrongResult(f"{handler}: {report.first_wrong}")
    return report.answers
