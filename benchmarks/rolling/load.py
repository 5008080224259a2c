"""Trips, called tasks and records at a constant rate, and how long each takes."""

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import httpx2
from aiokafka import AIOKafkaProducer
from temporalio.client import Client

from benchmarks.harness.bodies import DECLINED_CARD, GOOD_CARD, TASK, location, trip
from benchmarks.rolling.histories import applied_at
from domain.package_tracker import PACKAGE_TRACKER

TRIP, CALLED_TASK, RECORD = "trip", "called task", "record"
KINDS = (TRIP, CALLED_TASK, RECORD)
PARTITIONS = 4
APPLIED_WITHIN_SECONDS = 120


@dataclass(frozen=True)
class Unit:
    """One unit of work. Times are in seconds; `sent_at` counts from the beginning of the load."""

    kind: str
    name: str
    sent_at: float
    seconds: float
    """A call takes until its answer, a record until its package has it."""


class Load:
    """Sends `rate` units of each kind per second, whether or not the earlier ones are finished.

    Every second trip is declined, and undone. Records go to `keys` packages in turn.
    """

    def __init__(self, http: httpx2.AsyncClient, bootstrap: str, rate: float, keys: int) -> None:
        self.topic = f"rolling-{uuid.uuid4().hex[:8]}"
        self.units: list[Unit] = []
        self.failures: list[str] = []
        """Answers that no client should get."""
        self._http = http
        self._bootstrap = bootstrap
        self._rate = rate
        self._keys = keys
        self._began = time.time()
        self._records: list[float] = []
        """When each record was handed to the producer."""

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop` is set, and return when every call has its answer."""
        self._began = time.time()
        async with AIOKafkaProducer(bootstrap_servers=self._bootstrap) as producer, asyncio.TaskGroup() as group:
            for send in (self._book, self._call_task, lambda number: self._produce(producer, number)):
                group.create_task(self._repeat(send, stop))

    async def add_records(self, client: Client) -> None:
        """Wait until every record is applied, at most `APPLIED_WITHIN_SECONDS`, and add them to `units`."""
        packages = [PACKAGE_TRACKER.execution_id(self._package(key)) for key in range(self._keys)]
        applied: dict[int, float] = {}

        deadline = time.monotonic() + APPLIED_WITHIN_SECONDS
        while len(applied) < len(self._records) and time.monotonic() < deadline:
            await asyncio.sleep(0.5)
            for package in packages:
                applied.update(await applied_at(client, package))
        for number, sent_at in enumerate(self._records):
            name = f"{self._package(number % self._keys)} {number}"
            if number in applied:
                self._note(RECORD, name, sent_at, applied[number])
            else:
                self.failures.append(f"record {name} is not applied {APPLIED_WITHIN_SECONDS} s after the load")

    def _package(self, key: int) -> str:
        return f"{self.topic}-{key}"

    async def _repeat(self, send: Callable[[int], Coroutine[Any, Any, None]], stop: asyncio.Event) -> None:
        began, number = time.monotonic(), 0
        async with asyncio.TaskGroup() as group:
            while not stop.is_set():
                group.create_task(send(number))
                number += 1
                await asyncio.sleep(max(0.0, began + number / self._rate - time.monotonic()))

    async def _book(self, number: int) -> None:
        name = f"{self.topic}-{number}"
        card, expected = (DECLINED_CARD, httpx2.codes.CONFLICT) if number % 2 else (GOOD_CARD, httpx2.codes.OK)
        await self._call(TRIP, f"booking:{name}", f"/BookingWorkflow/{name}/run", trip(card), expected)

    async def _call_task(self, number: int) -> None:
        await self._call(CALLED_TASK, str(number), "/AsyncTaskWorker/runTask", TASK, httpx2.codes.OK)

    async def _call(self, kind: str, name: str, path: str, body: object, expected: int) -> None:
        sent_at = time.time()
        answer = await self._http.post(path, json=body)
        if answer.status_code != expected:
            self.failures.append(f"{path}: {answer.status_code} {answer.text[:200]}")
        self._note(kind, name, sent_at, time.time())

    async def _produce(self, producer: AIOKafkaProducer, number: int) -> None:
        key = number % self._keys
        self._records.append(time.time())
        await producer.send_and_wait(
            self.topic,
            json.dumps(location(number)).encode(),
            key=self._package(key).encode(),
            partition=key % PARTITIONS,
        )

    def _note(self, kind: str, name: str, sent_at: float, ended_at: float) -> None:
        self.units.append(Unit(kind, name, sent_at - self._began, ended_at - sent_at))
