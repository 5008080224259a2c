"""Writes records for package trackers while processes are killed, then compares every package with its records."""

import asyncio
import json
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

import httpx2
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from benchmarks.harness.differences import differences
from devstack.stack import Stack
from tests.chaos.client import PatientClient
from tests.chaos.faults import random_kills
from tests.chaos.stormy_stack import FULL, SEED
from tests.eventually import eventually

BEGINNING = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Flow:
    """The records of a storm: record `n` belongs to package `n % keys`; packages stay on their partition."""

    records: int
    keys: int
    partitions: int
    cluster: str
    bootstrap: str
    topic: str = field(default_factory=lambda: f"storm-{uuid.uuid4().hex[:8]}")

    def package(self, number: int) -> str:
        return f"{self.topic}-{number % self.keys}"

    def packages(self) -> list[str]:
        return [self.package(number) for number in range(self.keys)]

    def locations(self, package_number: int) -> list[dict[str, str]]:
        return [location(number) for number in range(package_number, self.records, self.keys)]


def location(number: int) -> dict[str, str]:
    return {"timestamp": f"{BEGINNING + timedelta(minutes=number):%Y-%m-%d %H:%M}", "location": f"record {number}"}


async def make_topic(flow: Flow) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=flow.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(flow.topic, flow.partitions, 1)])
    await admin.close()


async def register(http: httpx2.AsyncClient, flow: Flow) -> None:
    """Register every package, so that its state can be read."""
    slots, client = asyncio.Semaphore(20), PatientClient(http)

    async def register_one(package: str) -> None:
        async with slots:
            body = {"finalDestination": "A"}
            answer = await client.send("POST", f"/PackageTracker/{package}/registerPackage", json=body, key=package)
            assert answer.status == httpx2.codes.OK, answer

    await asyncio.gather(*(register_one(package) for package in flow.packages()))


async def subscribe(http: httpx2.AsyncClient, flow: Flow, **options: object) -> str:
    """Subscribe to the topic, as soon as an earlier subscription to it is gone. Returns the subscription's ID."""
    body = {
        "source": f"kafka://{flow.cluster}/{flow.topic}",
        "sink": "service://PackageTracker/updateLocation",
        "options": options,
    }

    async def subscribed() -> httpx2.Response | None:
        answer = await http.post("/subscriptions", json=body)
        return answer if answer.is_success else None

    subscription_id: str = (await eventually(subscribed)).json()["id"]
    return subscription_id


async def produce(flow: Flow, per_second: float, may_continue: Callable[[float], bool] = lambda written: True) -> None:
    """Write every record once and in order, even while the broker is killed.

    Whenever a share of the records is written, the next ones wait until they `may_continue`.
    """
    # The embedded broker has no idempotent producers; it is not killed, so nothing is written to it twice.
    producer = AIOKafkaProducer(
        bootstrap_servers=flow.bootstrap, acks="all", linger_ms=5, enable_idempotence=flow.cluster != "my-cluster"
    )
    await producer.start()
    began = time.monotonic()
    for first in range(0, flow.records, flow.keys):
        await eventually(partial(may_continue, first / flow.records), timeout_seconds=600)
        chunk = range(first, min(first + flow.keys, flow.records))
        for number in chunk:
            await _write(producer, flow, number)
        await producer.flush()
        await asyncio.sleep(max(0.0, began + chunk.stop / per_second - time.monotonic()))
    await producer.stop()


async def _write(producer: AIOKafkaProducer, flow: Flow, number: int) -> None:
    value = json.dumps(location(number)).encode()
    key = flow.package(number).encode()
    await producer.send(flow.topic, value, key=key, partition=number % flow.keys % flow.partitions)


async def all_arrived(http: httpx2.AsyncClient, flow: Flow, within_seconds: float) -> None:
    """Wait until every package shows its last record, then compare each with all of its records."""

    async def shown(number: int) -> list[dict[str, str]]:
        try:
            answer = await http.get(f"/PackageTracker/{flow.package(number)}/getPackageInfo")
        except httpx2.TransportError:
            return []
        return answer.json()["locations"] if answer.status_code == 200 else []

    deadline = time.monotonic() + within_seconds
    for number in range(flow.keys):
        expected = flow.locations(number)

        async def last_is_there(number: int = number, expected: list[dict[str, str]] = expected) -> bool:
            locations = await shown(number)
            return bool(locations) and locations[-1] == expected[-1]

        await eventually(last_is_there, timeout_seconds=deadline - time.monotonic())
    wrong = [violation for number in range(flow.keys) if (violation := compare(flow, number, await shown(number)))]
    assert not wrong, "\n".join(wrong)


def compare(flow: Flow, number: int, shown: list[dict[str, str]]) -> str | None:
    """Describe what is wrong with a package; None if it shows its records, each once and in order."""
    different = differences([each["location"] for each in flow.locations(number)], [each["location"] for each in shown])
    return f"{flow.package(number)}: {different}" if different else None


async def storm(
    stack: Stack, http: httpx2.AsyncClient, flow: Flow, kills: list[Callable[[], Awaitable[str]]], per_second: float
) -> str:
    """Write the records while processes are killed, check every package, and return a report."""
    began = time.monotonic()
    await make_topic(flow)
    await register(http, flow)
    await subscribe(http, flow, consumers=2)
    least = 20 if FULL else 2
    async with random_kills(kills, pause_seconds=(1, 4)) as killed:
        # On a busy machine all records would be written before the first process has restarted.
        await produce(flow, per_second, lambda written: sum(killed.values()) >= least * written)
    await all_arrived(http, flow, within_seconds=600)
    assert sum(killed.values()) >= least
    return report(flow, killed, began)


def report(flow: Flow, killed: Counter[str], began: float) -> str:
    kills = ", ".join(f"{name} {count}" for name, count in sorted(killed.items()))
    return (
        f"seed {SEED}: {flow.records:,} records, {flow.keys:,} keys, {flow.partitions} partitions, "
        f"{sum(killed.values())} kills ({kills}), {time.monotonic() - began:.0f} s"
    )
