"""One record in a hundred is poison, of every kind, among 10,000: those and no others become dead letters."""

import asyncio
import json
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import httpx2
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pydantic import Field
from temporalio.client import Client

from clients.entities import EntityClient
from devstack.stack import Stack
from domain.package_tracker import PACKAGE_TRACKER, LocationUpdate
from domain.plans import Plans
from domain.records import MAX_VALUE_BYTES
from domain.subscription import ConsumerSnapshot, ConsumerTask, Subscription, SubscriptionOptions
from infra.kafka.clusters import KafkaClusters
from infra.kafka.dead_letter_writer import DeadLetterWriter
from tests.eventually import eventually
from workers.kafka.consumer import TopicConsumer
from workers.kafka.decisions.lanes import Limits
from workers.kafka.delivery import Destination
from workers.kafka.entity_sink import EntitySink

RECORDS, KEYS, PARTITIONS = 10_000, 100, 4
CLUSTER = "my-cluster"
BEGINNING = datetime(2024, 1, 1, tzinfo=UTC)


class YesterdaysLocation(LocationUpdate):
    """The body of an earlier handler, which was too strict: locations with long names were poison to it."""

    location: Annotated[str, Field(max_length=30)]


def location(number: int) -> dict[str, str]:
    name = f"record {number} at a place with a long name" if kind_of(number) == "TooStrict" else f"record {number}"
    return {"timestamp": f"{BEGINNING + timedelta(minutes=number):%Y-%m-%d %H:%M}", "location": name}


POISON: dict[str, tuple[bytes | None, bytes | None]] = {
    "NullKey": (None, b"{}"),
    "KeyNotUtf8": (b"\xff\xfe", b"{}"),
    "InvalidKey": (b"a/b", b"{}"),
    "Tombstone": (b"package", None),
    "ValueNotUtf8": (b"package", b'{"location": "\xff"}'),
    "InvalidJson": (b"package", b"{not json"),
    "SchemaMismatch": (b"package", b'{"timestamp": "1712011312345", "location": "A"}'),
    "ValueTooLarge": (b"package", b'"%s"' % (b"x" * MAX_VALUE_BYTES)),
}
KINDS = [*POISON, "TooStrict"]
"""The last kind is no longer poison once the handler is fixed."""


def kind_of(number: int) -> str | None:
    return KINDS[number // 100 % len(KINDS)] if number % 100 == 37 else None


class Flow:
    """A topic of 10,000 records, and what its packages must show."""

    def __init__(self, stack: Stack, http: httpx2.AsyncClient) -> None:
        self.topic = f"poison-{uuid.uuid4().hex[:8]}"
        self.subscription = Subscription(
            cluster=CLUSTER,
            topic=self.topic,
            service="PackageTracker",
            handler="updateLocation",
            options=SubscriptionOptions(),
        )
        self._stack = stack
        self._http = http

    def package(self, number: int) -> str:
        # Consecutive records belong to different packages, and so do the poisonous ones.
        return f"{self.topic}-{(number + number // KEYS) % KEYS}"

    def record(self, number: int) -> tuple[bytes | None, bytes | None]:
        kind = kind_of(number)
        if kind in POISON:
            return POISON[kind]
        return self.package(number).encode(), json.dumps(location(number)).encode()

    def expected(self, *, fixed: bool) -> dict[str, list[dict[str, str]]]:
        """The locations of each package, before and after the handler is fixed."""
        shown: dict[str, list[dict[str, str]]] = {}
        for number in range(RECORDS):
            if kind_of(number) is None or (fixed and kind_of(number) == "TooStrict"):
                shown.setdefault(self.package(number), []).append(location(number))
        return shown

    async def write(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._stack.bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic(self.topic, PARTITIONS, 1)])
        await admin.close()
        async with AIOKafkaProducer(bootstrap_servers=self._stack.bootstrap, max_request_size=2_000_000) as producer:
            for number in range(RECORDS):
                key, value = self.record(number)
                partition = hash(self.package(number)) % PARTITIONS
                await producer.send(self.topic, value, key=key, partition=partition)
            await producer.flush()

    async def consume_with_yesterdays_handler(self) -> None:
        """Deliver every record to its package, or to the dead letters, and commit."""
        client = await Client.connect(self._stack.temporal_address, data_converter=self._stack.converter)
        clusters = KafkaClusters({CLUSTER: self._stack.bootstrap})
        dead_letters = DeadLetterWriter(clusters, self.subscription)
        sink = EntitySink(EntityClient(client, Plans()), PACKAGE_TRACKER, "updateLocation")
        destination = Destination(sink, dead_letters, YesterdaysLocation, Limits(64, 100), self.subscription.id)
        reports: list[ConsumerSnapshot] = []
        stop = asyncio.Event()
        task = ConsumerTask(subscription=self.subscription, member=0)
        consumer = TopicConsumer(task, clusters, None, destination, reports.append)
        running = asyncio.create_task(consumer.run(stop))
        await eventually(
            lambda: running.done() or (reports and sum(p.committed for p in reports[-1].partitions) == RECORDS),
            timeout_seconds=90,
        )
        stop.set()
        await running
        await dead_letters.close()

    async def shown(self) -> dict[str, list[dict[str, str]]]:
        locations = {}
        for package in {self.package(number) for number in range(RECORDS)}:
            answer = await self._http.get(f"/PackageTracker/{package}/getPackageInfo")
            locations[package] = answer.json()["locations"] if answer.status_code == 200 else []
        return locations

    async def letters(self) -> list[dict[str, Any]]:
        """Every dead letter that the gateway lists, page by page."""
        path, query, found = f"/subscriptions/{self.subscription.id}/deadLetters", {"limit": 50}, []
        while True:
            page = (await self._http.get(path, params=query)).raise_for_status().json()
            found += page["deadLetters"]
            if page["next"] is None:
                return found
            query = {"limit": 50, **page["next"]}


async def test_exactly_the_poison_is_in_the_dead_letters_and_the_fixable_records_are_applied(
    stack: Stack, http: httpx2.AsyncClient
) -> None:
    flow = Flow(stack, http)
    await flow.write()
    for package in {flow.package(number) for number in range(RECORDS)}:
        path = f"/PackageTracker/{package}/registerPackage"
        (await http.post(path, json={"finalDestination": "A"})).raise_for_status()
    await flow.consume_with_yesterdays_handler()
    assert await flow.shown() == flow.expected(fixed=False)

    source = {"source": f"kafka://{CLUSTER}/{flow.topic}", "sink": "service://PackageTracker/updateLocation"}
    (await http.post("/subscriptions", json=source)).raise_for_status()
    letters = await flow.letters()
    poison = Counter(kind for number in range(RECORDS) if (kind := kind_of(number)))
    poison["SchemaMismatch"] += poison.pop("TooStrict")
    assert Counter(letter["kind"] for letter in letters) == poison
    assert all(letter["reason"] and letter["attempts"] == 1 for letter in letters)

    sent_back = await http.post(f"/subscriptions/{flow.subscription.id}/deadLetters/redrive", json={"all": True})
    assert sent_back.json()["redriven"] == 100

    async def fixed() -> bool:
        return await flow.shown() == flow.expected(fixed=True)

    await eventually(fixed)
    still_poison = 100 - sum(kind_of(number) == "TooStrict" for number in range(RECORDS))

    async def back_again() -> bool:
        return [letter["attempts"] for letter in await flow.letters()] == [2] * still_poison

    await eventually(back_again)
    await http.delete(f"/subscriptions/{flow.subscription.id}")
