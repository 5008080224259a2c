"""Kafka to state: from a topic full of records to package trackers that show them over HTTP.

Against (a) one signal per record, the same pipeline with batches of one, and (b) reading the topic with aiokafka and
doing nothing. The time counts from the first record written, into a subscription that has its partitions already, to
the last one shown. Every result is checked: each package shows the last locations of its records, in order.
"""

import asyncio
import json
import sys
import time
import uuid
from collections.abc import Awaitable
from dataclasses import dataclass

import httpx2
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from rich.console import Console
from rich.table import Table
from temporalio.client import Client

from benchmarks.processes import Usage, usage
from benchmarks.records import location
from benchmarks.stack import benchmark_stack, make_topic
from devstack.stack import Stack
from domain.package_tracker import LOCATIONS_KEPT
from domain.patterns import PACKAGE_TRACKER

CLUSTER = "my-cluster"
GIVE_UP_AFTER_SECONDS = 1_800
SINGLE = "one signal per record"
READ_ONLY = "read only"


@dataclass(frozen=True)
class Plan:
    """What to measure: sizes, keys, partitions, records for one signal each, and for one key alone."""

    records: list[int]
    keys: int
    partitions: int
    single: int
    one_key: int


@dataclass(frozen=True)
class Load:
    """Records that lie in a topic."""

    topic: str
    records: int
    packages: list[str]
    partitions: int

    def of(self, package: str) -> list[dict[str, str]]:
        """The locations of one package, oldest first."""
        first = self.packages.index(package)
        return [location(number) for number in range(first, self.records, len(self.packages))]


@dataclass(frozen=True)
class Result:
    """One row of the table."""

    what: str
    records: int
    seconds: float
    server_cpu: float = 0.0
    worker_cpu: float = 0.0
    worker_mib: float = 0.0
    history_events: int = 0

    @property
    def rate(self) -> float:
        return self.records / self.seconds


async def subscribe(http: httpx2.AsyncClient, source: str, sink: str, options: dict[str, int]) -> str:
    """Subscribe, and wait until a consumer has the partitions."""
    body = {"source": source, "sink": sink, "options": options}
    subscription: dict[str, str] = (await http.post("/subscriptions", json=body)).raise_for_status().json()
    deadline = time.perf_counter() + GIVE_UP_AFTER_SECONDS
    while time.perf_counter() < deadline:
        consumers = (await http.get(f"/subscriptions/{subscription['id']}")).json()["consumers"]
        if any(consumer["partitions"] for consumer in consumers):
            return subscription["id"]
        await asyncio.sleep(0.05)
    raise TimeoutError(subscription["id"])


async def run(plan: Plan) -> None:
    """Start a stack, fill topics, measure, and print one table."""
    console = Console(width=120)
    async with benchmark_stack({}) as (stack, http):
        bench = Bench(stack, http, plan, console)
        await bench.measure_all()
        console.print(bench.table())


class Bench:
    """Measures one after the other, on one stack."""

    def __init__(self, stack: Stack, http: httpx2.AsyncClient, plan: Plan, console: Console) -> None:
        self._stack = stack
        self._http = http
        self._plan = plan
        self._console = console
        self._results: list[Result] = []

    async def measure_all(self) -> None:
        await self._ingest("warm-up", await self._new_load(1_000, self._plan.keys), {})
        await self._note(
            self._ingest(SINGLE, await self._new_load(self._plan.single, self._plan.keys), {"maxBatch": 1})
        )
        for records in self._plan.records:
            load = await self._new_load(records, self._plan.keys)
            await self._note(self._ingest("batched", load, {}))
            await self._note(self._read_only(load))
        if self._plan.one_key:
            await self._note(self._ingest("one key alone", await self._new_load(self._plan.one_key, 1), {}))

    def table(self) -> Table:
        """The results, each against one signal per record and against reading as many records only."""
        single = next(result for result in self._results if result.what == SINGLE)
        reading = [result for result in self._results if result.what == READ_ONLY]
        table = Table(title=f"Kafka to state: {self._plan.keys} keys, {self._plan.partitions} partitions")
        for column in (
            "",
            "records",
            "records/s",
            "x one signal",
            "of reading",
            "server CPU/rec",
            "worker CPU/rec",
            "events/rec",
            "worker MiB",
        ):
            table.add_column(column, justify="left" if not column else "right")
        for r in self._results:
            table.add_row(
                r.what,
                f"{r.records:,}",
                f"{r.rate:,.0f}",
                f"{r.rate / single.rate:.1f}",
                f"{r.rate / min(reading, key=lambda each: abs(each.records - r.records)).rate:.1%}",
                f"{r.server_cpu / r.records * 1e6:,.0f} us",
                f"{r.worker_cpu / r.records * 1e6:,.0f} us",
                f"{r.history_events / r.records:.2f}",
                f"{r.worker_mib:,.0f}",
            )
        return table

    async def _note(self, measuring: Awaitable[Result]) -> None:
        result = await measuring
        self._results.append(result)
        self._console.print(f"{result.what}: {result.records:,} records, {result.rate:,.0f}/s")

    async def _new_load(self, records: int, keys: int) -> Load:
        """Make a new topic, and register its packages: each of them gets a record."""
        run = uuid.uuid4().hex[:8]
        packages = [f"{run}-{number}" for number in range(min(keys, records))]
        load = Load(f"bench-{run}", records, packages, self._plan.partitions)
        await make_topic(self._stack.bootstrap, load.topic, load.partitions)
        for package in load.packages:
            answer = await self._http.post(f"/PackageTracker/{package}/registerPackage", json={"finalDestination": "A"})
            answer.raise_for_status()
        return load

    async def _write(self, load: Load) -> None:
        keys = len(load.packages)
        async with AIOKafkaProducer(bootstrap_servers=self._stack.bootstrap, linger_ms=20) as producer:
            for number in range(load.records):
                key = number % keys
                await producer.send(
                    load.topic,
                    json.dumps(location(number)).encode(),
                    key=load.packages[key].encode(),
                    partition=key % load.partitions,
                )
            await producer.flush()

    async def _read_only(self, load: Load) -> Result:
        """Read the topic and do nothing: what Kafka and its client allow."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self._stack.bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        consumer.assign([TopicPartition(load.topic, partition) for partition in range(load.partitions)])
        began, seen = time.perf_counter(), 0
        while seen < load.records:
            polled = await consumer.getmany(timeout_ms=200, max_records=1_000)
            seen += sum(map(len, polled.values()))
        seconds = time.perf_counter() - began
        await consumer.stop()
        return Result(READ_ONLY, load.records, seconds)

    async def _ingest(self, what: str, load: Load, options: dict[str, int]) -> Result:
        """From the first record written to every package showing its last location."""
        subscription_id = await subscribe(
            self._http, f"kafka://{CLUSTER}/{load.topic}", "service://PackageTracker/updateLocation", options
        )
        before, began = usage(self._stack), time.perf_counter()
        await self._write(load)
        for package in reversed(load.packages):
            await self._until_shown(load, package)
        after, ended = usage(self._stack), time.perf_counter()
        await self._http.delete(f"/subscriptions/{subscription_id}")
        return await self._result(what, load, ended - began, before, after)

    async def _until_shown(self, load: Load, package: str) -> None:
        expected = load.of(package)[-LOCATIONS_KEPT:]
        deadline = time.perf_counter() + GIVE_UP_AFTER_SECONDS
        while time.perf_counter() < deadline:
            answer = await self._http.get(f"/PackageTracker/{package}/getPackageInfo")
            # A busy package may answer 503: ask again.
            shown = answer.json()["locations"] if answer.status_code == httpx2.codes.OK else []
            if shown and shown[-1] == expected[-1]:
                if shown != expected:
                    sys.exit(f"{package} shows other locations than its records")
                return
            await asyncio.sleep(0.05)
        raise TimeoutError(package)

    async def _result(self, what: str, load: Load, seconds: float, before: Usage, after: Usage) -> Result:
        return Result(
            what,
            load.records,
            seconds,
            server_cpu=after.cpu_since(before, "temporal"),
            worker_cpu=after.cpu_since(before, "workers"),
            worker_mib=after.resident_mib["workers"],
            history_events=await self._history_events(load),
        )

    async def _history_events(self, load: Load) -> int:
        client = await Client.connect(self._stack.temporal_address)
        total = 0
        for package in load.packages:
            workflow_id = PACKAGE_TRACKER.execution_id(package)
            total += (await client.get_workflow_handle(workflow_id).describe()).history_length
            async for closed in client.list_workflows(f"WorkflowId = '{workflow_id}' AND ExecutionStatus != 'Running'"):
                total += closed.history_length
        return total
