"""A subscription with dead letters on Apache Kafka."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import ConsumerRecord

from domain.dead_letter import DeadLetter
from domain.subscription import Subscription
from infra.kafka.clusters import KafkaClusters
from infra.kafka.dead_letters import Cursor, DeadLetters, RedriveResult
from infra.kafka.record_writing import send
from tests.brokers.fixtures import Topics, subscription
from tests.eventually import eventually
from tests.workers.kafka.consuming import consuming
from tests.workers.kafka.fakes import RecordingSink

MIB = 1024 * 1024
ODD = "stra\udcdfe"
"""A header's name as it is read, if its bytes in the log are b"stra\\xdfe"."""


class World:
    """A subscription to a topic of its own, and its dead letters."""

    def __init__(self, address: str, topics: Topics, sub: Subscription, producer: AIOKafkaProducer) -> None:
        self.address = address
        self.topics = topics
        self.sub = sub
        self.letters = self.another_gateway()
        self.sink = RecordingSink()
        self._producer = producer

    def another_gateway(self) -> DeadLetters:
        return DeadLetters(KafkaClusters({"local": self.address}))

    async def write(
        self,
        key: bytes | None,
        value: bytes | None,
        *,
        headers: tuple[tuple[str, bytes | None], ...] = (),
        timestamp_ms: int | None = None,
        topic: str | None = None,
    ) -> None:
        sent = await send(
            self._producer,
            topic or self.sub.topic,
            0,
            key=key,
            value=value,
            timestamp_ms=timestamp_ms,
            headers=headers,
            alone=True,
        )
        await sent

    async def write_letter(self, key: bytes | None, value: bytes | None, *headers: tuple[str, bytes | None]) -> None:
        """Write to the dead-letter topic, as another program would."""
        await self.write(key, value, headers=headers, topic=self.sub.dead_letter_topic)

    def consuming(self) -> Any:
        return consuming(self.address, self.sub, self.sink)

    async def listed(self) -> list[DeadLetter]:
        return (await self.letters.page(self.sub, Cursor(), 200)).letters

    async def listed_with(self, attempts: int, count: int) -> list[DeadLetter]:
        """Wait until exactly these letters are listed, each of another record."""

        async def complete() -> list[DeadLetter] | None:
            letters = await self.listed()
            right = len(letters) == count and {letter.attempts for letter in letters} == {attempts}
            return letters if right and len({letter.origin for letter in letters}) == count else None

        listed: list[DeadLetter] = await eventually(complete)
        return listed

    async def redrive_all(self) -> RedriveResult:
        return await self.letters.redrive_all(self.sub)

    async def records(self, topic: str | None = None) -> list[ConsumerRecord]:
        """All records of a topic's partition; of the source topic by default."""
        tp = TopicPartition(topic or self.sub.topic, 0)
        consumer = AIOKafkaConsumer(bootstrap_servers=self.address, auto_offset_reset="earliest")
        consumer.assign([tp])
        await consumer.start()
        try:
            end = (await consumer.end_offsets([tp]))[tp]
            read: list[ConsumerRecord] = []
            while await consumer.position(tp) < end:
                read += (await consumer.getmany(tp, timeout_ms=1_000)).get(tp, [])
            return read
        finally:
            await consumer.stop()


@asynccontextmanager
async def open_world(address: str, topics: Topics, topic: str) -> AsyncIterator[World]:
    async with AIOKafkaProducer(bootstrap_servers=address, acks="all", max_request_size=20 * MIB) as producer:
        yield World(address, topics, subscription(topic), producer)
