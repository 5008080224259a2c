"""Writes poison to `<topic>.dead-letter`: the bytes unchanged, the reason in added headers.

A record that is read again after a crash is written again, to the same partition: see `PendingLetters`.
"""

import asyncio
import logging
from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from domain.dead_letter import Header, Redriven, without_redrive_headers
from domain.errors import Refusal
from domain.records import Incoming, Poison, Record
from domain.subscription import Subscription
from infra.kafka.clusters import KafkaClusters
from infra.kafka.deadlines import DEADLINES, Deadlines, answered, start_client, stop_client

log = logging.getLogger(__name__)

KEEP_INDEFINITELY = {"retention.ms": "-1"}
"""Retention counts from a letter's timestamp, which is that of its record: the letter of an old record would expire."""
OMITTED = (Header.VALUE_OMITTED, b"too large for this topic")


class DeadLetterWriter:
    """Writes to the dead-letter topic of one subscription. Connects with the first record."""

    def __init__(self, clusters: KafkaClusters, subscription: Subscription, deadlines: Deadlines = DEADLINES) -> None:
        self._clusters = clusters
        self._deadlines = deadlines
        self._cluster = subscription.cluster
        self._subscription_id = subscription.id
        self._topic = subscription.dead_letter_topic
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def write(self, incoming: Incoming, reason: Poison) -> None:
        """Return once all in-sync replicas have the letter. Raises `KafkaError`, `KafkaUnreachable`."""
        record = incoming.record
        producer = await self._started_producer()
        headers = letter_headers(record, incoming.redriven, reason, self._subscription_id, datetime.now(UTC))
        # Kafka requires a key or a value, and the record may have neither.
        value = b"" if record.key is None and record.value is None else record.value
        async with answered(self._cluster, f"a write to {self._topic}", self._deadlines.send):
            try:
                await self._send(producer, record, value, headers)
            except MessageSizeTooLargeError:
                await self._send(producer, record, b"", [*headers, OMITTED])

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await stop_client(producer, self._deadlines.stop)

    async def _send(
        self, producer: AIOKafkaProducer, record: Record, value: bytes | None, headers: list[tuple[str, bytes]]
    ) -> None:
        partitions = await producer.partitions_for(self._topic)
        await producer.send_and_wait(
            self._topic,
            partition=record.partition % len(partitions),
            value=value,
            key=record.key,
            timestamp_ms=record.timestamp_ms if record.timestamp_ms >= 0 else None,
            headers=headers,
        )

    async def _started_producer(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                await self._ensure_topic()
                producer = self._clusters.producer(self._cluster)
                try:
                    async with answered(self._cluster, "the start of a client", self._deadlines.start):
                        await start_client(producer, self._deadlines.stop)
                except BaseException:
                    await stop_client(producer, self._deadlines.stop)
                    raise
                self._producer = producer
            return self._producer

    async def _ensure_topic(self) -> None:
        try:
            await self._clusters.ensure_topic(self._cluster, self._topic, KEEP_INDEFINITELY)
        except Refusal as refusal:
            # A broker may create the topic with the first write. If it does not, that write fails and is retried.
            log.warning(
                "%s: %s Create it with retention.ms=-1, or poison blocks its partitions.",
                self._subscription_id,
                refusal,
            )


def letter_headers(
    record: Record, redriven: Redriven | None, reason: Poison, subscription_id: str, now: datetime
) -> list[tuple[str, bytes]]:
    """Return the record's own headers, followed by the added ones."""
    own = without_redrive_headers(record.headers) if redriven else record.headers
    added = {
        Header.TOPIC: record.topic,
        Header.PARTITION: str(record.partition),
        Header.OFFSET: str(record.offset),
        Header.STAGE: reason.stage,
        Header.KIND: reason.kind,
        Header.REASON: str(reason),
        Header.SUBSCRIPTION: subscription_id,
        Header.TIME: now.isoformat(timespec="milliseconds"),
        Header.ATTEMPTS: str(redriven.attempts + 1 if redriven else 1),
    }
    if redriven:
        added[Header.REDRIVEN_FROM] = redriven.origin
    return [*own, *((name, text.encode()) for name, text in added.items())]
