"""Sends the records of dead letters back to their source topic, and marks the letters as redriven.

The record is sent first and its letter marked after that. A crash between the two leaves the letter pending, so
that the next redrive sends the record again; the entity applies it once, by its origin.
"""

import asyncio
import logging
from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer
from aiokafka.structs import RecordMetadata

from domain.dead_letter import DeadLetter, Header, record_id
from domain.subscription import Subscription
from infra.kafka.clusters import KafkaClusters
from infra.kafka.deadlines import Deadlines, answered, started

log = logging.getLogger(__name__)


class Redriver:
    """Redrives letters with a producer of its own for each call."""

    def __init__(self, clusters: KafkaClusters, deadlines: Deadlines) -> None:
        self._clusters = clusters
        self._deadlines = deadlines

    async def redrive(self, subscription: Subscription, letters: Sequence[DeadLetter]) -> None:
        """Send the records in the order of `letters`, then write the marks. Raises `KafkaError`, `KafkaUnreachable`."""
        if not letters:
            return
        producer = self._clusters.producer(subscription.cluster)
        async with started(producer, subscription.cluster, self._deadlines):
            async with self._answered(subscription, subscription.topic):
                partitions = await producer.partitions_for(subscription.topic)
                sent = [await _send(producer, subscription.topic, letter, partitions) for letter in letters]
                written = await asyncio.gather(*sent)
            async with self._answered(subscription, subscription.dead_letter_topic):
                marks = [await _mark(producer, subscription, letter) for letter in letters]
                await asyncio.gather(*marks)
        for letter, to in zip(letters, written, strict=True):
            log.info("redrove %s as %s", letter.origin, record_id(to.topic, to.partition, to.offset))

    def _answered(self, subscription: Subscription, topic: str) -> AbstractAsyncContextManager[None]:
        return answered(subscription.cluster, f"a write to {topic}", self._deadlines.send)


async def _send(
    producer: AIOKafkaProducer, topic: str, letter: DeadLetter, partitions: Collection[int]
) -> asyncio.Future[RecordMetadata]:
    """Send to the partition that the record came from, where the other records of its key are, if it still exists."""
    sent: asyncio.Future[RecordMetadata] = await producer.send(
        topic,
        partition=letter.source_partition if letter.source_partition in partitions else None,
        key=letter.key,
        value=letter.value,
        timestamp_ms=letter.timestamp_ms if letter.timestamp_ms >= 0 else None,
        headers=letter.redrive_headers(),
    )
    return sent


async def _mark(
    producer: AIOKafkaProducer, subscription: Subscription, letter: DeadLetter
) -> asyncio.Future[RecordMetadata]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    sent: asyncio.Future[RecordMetadata] = await producer.send(
        subscription.dead_letter_topic,
        partition=letter.partition,
        key=letter.origin.encode(),
        headers=[(Header.SUBSCRIPTION, subscription.id.encode()), (Header.REDRIVEN, now.encode())],
    )
    return sent
