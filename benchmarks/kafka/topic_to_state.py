"""Writes records into a topic and waits until the package trackers show them."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

import httpx2
from aiokafka import AIOKafkaConsumer, TopicPartition
from pydantic import JsonValue
from temporalio.client import Client

from benchmarks.harness.bodies import location
from benchmarks.harness.histories import count_events
from benchmarks.harness.stack import BenchmarkStack
from benchmarks.harness.topics import keys_in_turn, make_topic, write_records
from benchmarks.harness.waiting import wait_until
from domain.package_tracker import LOCATIONS_KEPT, PACKAGE_TRACKER

SINK = f"{PACKAGE_TRACKER.service}/updateLocation"


class WrongLocations(Exception):
    """A package shows other locations than those of its records."""


@dataclass(frozen=True)
class FilledTopic:
    """A topic, and what is written into it: record `n` is the location `n` of package `n % keys`."""

    name: str
    records: int
    keys: int
    partitions: int

    @property
    def packages(self) -> list[str]:
        return [f"{self.name}-{number}" for number in range(self.keys)]

    def last_locations(self, package_number: int) -> list[dict[str, JsonValue]]:
        """What the package must show: as many of its latest locations as it keeps, oldest first."""
        return [location(n) for n in range(package_number, self.records, self.keys)][-LOCATIONS_KEPT:]


@dataclass(frozen=True)
class Measured:
    what: str
    records: int
    seconds: float
    server_cpu_seconds: float = 0.0
    worker_cpu_seconds: float = 0.0
    worker_mib: float = 0.0
    history_events: int = 0

    @property
    def rate(self) -> float:
        """Records per second."""
        return self.records / self.seconds


async def new_topic(bench: BenchmarkStack, records: int, keys: int, partitions: int) -> FilledTopic:
    """Make an empty topic, and register its packages: no more than there are records, so that each gets one."""
    topic = FilledTopic(f"bench-{uuid.uuid4().hex[:8]}", records, min(keys, records), partitions)
    await make_topic(bench.bootstrap, topic.name, partitions)
    for package in topic.packages:
        await bench.register_package(package)
    return topic


async def ingest(
    bench: BenchmarkStack, what: str, topic: FilledTopic, options: Mapping[str, JsonValue] | None = None
) -> Measured:
    """Measure from the first record written until every package shows its last location.

    `options` are the subscription's. Raises `WrongLocations`, and `TimeoutError` if a package never gets there.
    """
    async with bench.subscription(topic.name, SINK, options):
        before, began = bench.usage(), time.perf_counter()
        records = keys_in_turn(topic.name, topic.keys, range(topic.records), location, topic.partitions)
        await write_records(bench.bootstrap, topic.name, records)
        for number in reversed(range(topic.keys)):
            await _wait_until_shown(bench, topic, number)
        after, ended = bench.usage(), time.perf_counter()
    client = await Client.connect(bench.temporal_address)
    return Measured(
        what,
        topic.records,
        ended - began,
        server_cpu_seconds=after.cpu_since(before, "temporal"),
        worker_cpu_seconds=after.cpu_since(before, "workers"),
        worker_mib=after.resident_mib["workers"],
        history_events=await count_events(client, map(PACKAGE_TRACKER.execution_id, topic.packages)),
    )


async def read_only(bench: BenchmarkStack, what: str, topic: FilledTopic) -> Measured:
    """Read the topic and do nothing: the most that Kafka and its client allow."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bench.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition(topic.name, partition) for partition in range(topic.partitions)])
    began, seen = time.perf_counter(), 0
    while seen < topic.records:
        polled = await consumer.getmany(timeout_ms=200, max_records=1_000)
        seen += sum(map(len, polled.values()))
    seconds = time.perf_counter() - began
    await consumer.stop()
    return Measured(what, topic.records, seconds)


async def _wait_until_shown(bench: BenchmarkStack, topic: FilledTopic, package_number: int) -> None:
    package, expected = topic.packages[package_number], topic.last_locations(package_number)

    async def shows_the_last() -> bool:
        answer = await bench.http.get(f"/PackageTracker/{package}/getPackageInfo")
        if answer.status_code == httpx2.codes.SERVICE_UNAVAILABLE:  # a busy package: ask again
            return False
        shown = answer.raise_for_status().json()["locations"]
        if shown[-1:] != expected[-1:]:
            return False
        if shown != expected:
            raise WrongLocations(f"{package} shows {len(shown)} locations, not the last {len(expected)} of its records")
        return True

    await wait_until(shows_the_last, f"{package} shows its last location")
