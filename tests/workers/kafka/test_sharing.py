"""Consumers that start and stop, overlap and count as lost, while records flow."""

import asyncio
import random
from collections import defaultdict
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from domain.inbox import Batch, Inbox
from tests.brokers.fixtures import Topics, subscription
from tests.eventually import eventually
from tests.workers.kafka.consuming import Running, consuming, post
from tests.workers.kafka.fakes import RecordingSink
from workers.kafka.consumer import Timing

KEYS = 20
PARTITIONS = 4
RECORDS = 3_000


class Entities:
    """Receives as entities do: an inbox for each key. One call in ten is accepted, but its acknowledgement is lost."""

    def __init__(self) -> None:
        self.applied: dict[str, list[str]] = defaultdict(list)
        self.received = 0
        self._inboxes: dict[str, Inbox] = defaultdict(Inbox)
        self._luck = random.Random(7)

    async def deliver(self, key: str, batch: Batch[Any]) -> None:
        await asyncio.sleep(self._luck.uniform(0, 0.01))
        self.received += len(batch.messages)
        new = self._inboxes[key].admit("processPost", batch, datetime.now(UTC))
        self.applied[key] += [message.body.content for message in new]
        if self._luck.random() < 0.1:
            raise ConnectionError("the acknowledgement was lost")

    def count(self) -> int:
        return sum(len(contents) for contents in self.applied.values())


async def test_every_record_is_applied_once_and_in_its_keys_order_while_consumers_overlap(
    broker: str, topics: Topics
) -> None:
    topic = await topics.make(partitions=PARTITIONS)
    entities = Entities()

    async def produce() -> None:
        for first in range(0, RECORDS, 50):
            for number in range(first, first + 50):
                key = number % KEYS
                await topics.send(topic, post(f"user{key}", number), partition=key % PARTITIONS)
            await eventually(lambda first=first: entities.count() > first - 500)  # type: ignore[misc]

    async def join(stack: AsyncExitStack, consumers: int) -> list[Running]:
        sub = subscription(topic, consumers=consumers, **{"group.id": topic})
        return [
            await stack.enter_async_context(consuming(broker, sub, entities, member)) for member in range(consumers)
        ]

    async with AsyncExitStack() as last:
        producing = asyncio.create_task(produce())
        async with AsyncExitStack() as first:
            (alone,) = await join(first, 1)
            await alone.until(lambda: entities.count() > 300)
            async with AsyncExitStack() as second:
                pair = await join(second, 2)
                await alone.until(lambda: shares(*pair) == [2, 2])
                three = await join(last, 3)
                await alone.until(lambda: shares(alone, *three) == [PARTITIONS, 2, 1, 1])
                await alone.until(lambda: entities.count() > 1_200)
        await producing
        await three[0].until(lambda: entities.count() >= RECORDS)
        await three[0].until(lambda: lag(*three) == 0)
    for key in range(KEYS):
        assert entities.applied[f"user{key}"] == [str(number) for number in range(key, RECORDS, KEYS)]
    assert entities.received > RECORDS, "some were delivered twice"


def shares(*consumers: Running) -> list[int]:
    """How many partitions each has."""
    return [len(consumer.progress.partitions) if consumer.reported else 0 for consumer in consumers]


def lag(*consumers: Running) -> int:
    return sum(partition.lag for consumer in consumers for partition in consumer.progress.partitions)


async def test_a_consumer_that_counts_as_lost_stops_at_once_and_commits_nothing(
    broker: str, topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await topics.make()
    sub = subscription(topic)
    await topics.write(topic, post("ann", 0))
    sink = RecordingSink()
    commits: list[object] = []

    async def refused(_: AIOKafkaConsumer, offsets: object) -> None:
        commits.append(offsets)
        raise KafkaError("not now")

    async with consuming(broker, sub, sink, timing=Timing(drain=600)) as lost:
        await lost.committed(1)
        monkeypatch.setattr(AIOKafkaConsumer, "commit", refused)
        sink.held["bob"] = asyncio.Event()
        await topics.write(topic, *(post("ann", n) for n in range(1, 19)), post("bob", 19))
        await lost.until(lambda: commits and sink.count() == 19 and lost.progress.in_flight == 1)
        commits.clear()
        lost.task.cancel()
    assert commits == [], "though one was due"
    assert set(sink.contents()) == {"ann"}
    monkeypatch.undo()
    async with consuming(broker, sub, RecordingSink()) as next_one:
        await next_one.until(lambda: next_one.reported and next_one.progress.received >= 19)


async def test_a_consumer_without_a_partition_reports_none_and_waits(broker: str, topics: Topics) -> None:
    sub = subscription(await topics.make(partitions=1), consumers=2)
    async with consuming(broker, sub, RecordingSink(), member=1) as idle:
        await idle.until(lambda: idle.reported)
        assert idle.progress.partitions == []
