"""What the tests of dead letters share."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from domain.records import Record
from domain.subscription import Subscription
from infra.kafka.dead_letters import Cursor, DeadLetters

Write = Callable[..., Awaitable[Record]]
TOPIC_ID = "c7b8b8f0-5a3e-4f0e-9a52-0d7b1f3f9a11"
TIME_MS = int(time.time() - 3_600) * 1_000
"""An hour ago: retention counts from it."""


async def records_of(broker: str, topic: str, partition: int, count: int) -> list[ConsumerRecord]:
    """The first `count` records of a partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, auto_offset_reset="earliest")
    consumer.assign([TopicPartition(topic, partition)])
    await consumer.start()
    try:
        async with asyncio.timeout(60):
            return [await consumer.getone() for _ in range(count)]
    finally:
        await consumer.stop()


async def listed(letters: DeadLetters, sub: Subscription) -> list[int]:
    """The source offsets of the pending letters."""
    return [letter.source_offset for letter in (await letters.page(sub, Cursor(), 200)).letters]
