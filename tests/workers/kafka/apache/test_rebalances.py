"""Consumers that come and go while records flow, and a topic that is replaced under them."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.inbox import Batch, Inbox
from domain.subscription import SubscriptionBroken
from tests.eventually import eventually
from tests.workers.kafka.conftest import Topics, subscription
from tests.workers.kafka.consuming import Running, consuming, post
from tests.workers.kafka.fakes import RecordingSink
from workers.kafka.consumer import TopicReplaced

KEYS = 20
PARTITIONS = 4
RECORDS = 3_000


class Entities:
    """Receives as entities do: an inbox for each key. One call in ten is taken, but its acknowledgement is lost."""

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


async def test_every_record_is_applied_once_and_in_its_keys_order_while_consumers_come_and_go(
    apache_broker: str, apache_topics: Topics
) -> None:
    topic = await apache_topics.make(partitions=PARTITIONS)
    sub = subscription(topic)
    entities = Entities()

    async def produce() -> None:
        for first in range(0, RECORDS, 50):
            for number in range(first, first + 50):
                key = number % KEYS
                await apache_topics.send(topic, post(f"user{key}", number), partition=key % PARTITIONS)
            await eventually(lambda first=first: entities.count() > first - 500)  # type: ignore[misc]

    async with AsyncExitStack() as last:
        producing = asyncio.create_task(produce())
        async with consuming(apache_broker, sub, entities, 0) as first:
            await first.until(lambda: entities.count() > 300)
            async with consuming(apache_broker, sub, entities, 1) as second:
                await first.until(lambda: shares(first, second) == {2})
                third = await last.enter_async_context(consuming(apache_broker, sub, entities, 2))
                await first.until(lambda: shares(first, second, third) == {1, 2})
            await first.until(lambda: shares(first, third) == {2})
        await third.until(lambda: shares(third) == {PARTITIONS})
        await producing
        await third.until(lambda: entities.count() >= RECORDS)
        await third.until(lambda: all(partition.lag == 0 for partition in third.progress.partitions))
    for key in range(KEYS):
        assert entities.applied[f"user{key}"] == [str(number) for number in range(key, RECORDS, KEYS)]
    assert entities.received > RECORDS, "some came twice"


def shares(*consumers: Running) -> set[int]:
    """How many partitions each has."""
    return {len(consumer.progress.partitions) if consumer.reported else 0 for consumer in consumers}


async def test_a_topic_made_anew_under_a_consumer_is_read_from_its_start_as_another_source(
    apache_broker: str, apache_topics: Topics
) -> None:
    topic = await apache_topics.make()
    sub = subscription(topic)
    await apache_topics.write(topic, *(post("ann", f"old {n}") for n in range(5)))
    sink = RecordingSink()

    async def replace(running: Running) -> None:
        await running.committed(5)
        await apache_topics.remove(topic)
        await eventually(lambda: apache_topics.made_again(topic))
        await apache_topics.write(topic, post("ann", "new"))

    async def consume_until(ended: Callable[[Running], Awaitable[None]]) -> None:
        async with consuming(apache_broker, sub, sink) as running:
            await ended(running)
            await running.until(lambda: sink.count() == 6)

    try:
        await consume_until(replace)
    except (TopicReplaced, SubscriptionBroken):
        await consume_until(lambda running: running.committed(1))
    assert sink.contents() == {"ann": [*(f"old {n}" for n in range(5)), "new"]}
    assert len({batch.source for _, batch in sink.batches}) == 2


async def test_a_topic_that_is_removed_breaks_the_subscription_within_seconds(
    apache_broker: str, apache_topics: Topics
) -> None:
    topic = await apache_topics.make()

    async def lose_the_topic() -> None:
        async with consuming(apache_broker, subscription(topic), RecordingSink()) as running:
            await running.committed(0)
            await apache_topics.remove(topic)
            await running.until(lambda: False)

    with pytest.raises(SubscriptionBroken, match=f"Topic '{topic}' is not in cluster 'local' any more"):
        await lose_the_topic()
