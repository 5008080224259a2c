"""Topics, and the records that are written to them."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pydantic import JsonValue

ALL_TOPICS = json.dumps({"my-cluster": ["*"]})
"""For `KAFKA_ALLOWED`: a benchmark's topics have names of their own."""


def topic_of(handler: str) -> str:
    """The topic from which a benchmark calls this handler."""
    return f"bench-{handler}"


class Record(NamedTuple):
    key: str
    value: JsonValue
    partition: int | None = None
    """None: the producer chooses by the key."""


async def make_topic(bootstrap: str, topic: str, partitions: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, partitions, 1)])
    await admin.close()


async def write_records(bootstrap: str, topic: str, records: Iterable[Record], linger_ms: int = 20) -> None:
    """Write the records in their order. Returns when the broker has all of them."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=linger_ms) as producer:
        for record in records:
            await producer.send(
                topic, json.dumps(record.value).encode(), key=record.key.encode(), partition=record.partition
            )
        await producer.flush()


def keys_in_turn(
    prefix: str, keys: int, numbers: Iterable[int], value: Callable[[int], JsonValue], partitions: int
) -> Iterator[Record]:
    """Record `n` is `value(n)` of the key `prefix-(n % keys)`; each key stays on one partition."""
    for number in numbers:
        key = number % keys
        yield Record(f"{prefix}-{key}", value(number), key % partitions)
