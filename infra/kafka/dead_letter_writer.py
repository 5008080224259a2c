"""Dead letters: poison goes to `<topic>.dead-letter`, its bytes unchanged, the reason in its headers.

A record that is read again after a crash is written again, to the same partition: see `domain.dead_letter`.
"""

import asyncio
import logging
from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from domain import dead_letter
from domain.errors import Refusal
from domain.records import Poison, Record
from domain.subscription import Subscription
from infra.kafka.clusters import KafkaClusters
from infra.kafka.deadlines import DEADLINES, Deadlines, answered, stop_client

log = logging.getLogger(__name__)

FOR_EVER = {"retention.ms": "-1"}
"""A letter has its record's time, from which retention counts: an old one would be gone at once."""
OMITTED = (dead_letter.VALUE_OMITTED, b"too large for this topic")
MAX_REQUEST_BYTES = 64 * 1024 * 1024
"""Whatever the source topic took is sent; the broker has the last word."""


class DeadLetterTopic:
    """The dead-letter topic of one subscription. Connects with the first record it keeps."""

    def __init__(self, clusters: KafkaClusters, subscription: Subscription, deadlines: Deadlines = DEADLINES) -> None:
        self._clusters = clusters
        self._deadlines = deadlines
        self._cluster = subscription.cluster
        self._subscription_id = subscription.id
        self._topic = subscription.dead_letter_topic
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def keep(self, record: Record, reason: Poison) -> None:
        """Return once all replicas have it. Raises `KafkaError`, `KafkaUnreachable`."""
        producer = await self._started_producer()
        headers = letter_headers(record, reason, self._subscription_id, datetime.now(UTC))
        # A message needs a key or a value, and a record may lack both.
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
                producer = AIOKafkaProducer(
                    **self._clusters.connection(self._cluster),
                    acks="all",
                    max_request_size=MAX_REQUEST_BYTES,
                )
                try:
                    async with answered(self._cluster, "the start of a client", self._deadlines.start):
                        await producer.start()
                except BaseException:
                    await stop_client(producer, self._deadlines.stop)
                    raise
                self._producer = producer
            return self._producer

    async def _ensure_topic(self) -> None:
        try:
            await self._clusters.ensure_topic(self._cluster, self._topic, FOR_EVER)
        except Refusal as refusal:
            # Perhaps the broker makes it with the first record; if not, that record waits and says so.
            log.warning("%s", refusal)


def letter_headers(record: Record, reason: Poison, subscription_id: str, now: datetime) -> list[tuple[str, bytes]]:
    """The record's own headers, and behind them the reason."""
    returned = dead_letter.read_return(record.topic, record.headers)
    own = dead_letter.without_return(record.headers) if returned else record.headers
    block = {
        dead_letter.TOPIC: record.topic,
        dead_letter.PARTITION: str(record.partition),
        dead_letter.OFFSET: str(record.offset),
        dead_letter.STAGE: reason.stage,
        dead_letter.KIND: reason.kind,
        dead_letter.REASON: str(reason),
        dead_letter.SUBSCRIPTION: subscription_id,
        dead_letter.TIME: now.isoformat(timespec="milliseconds"),
        dead_letter.ATTEMPTS: str(returned.attempts + 1 if returned else 1),
    }
    if returned:
        block[dead_letter.REDRIVEN_FROM] = returned.origin
    return [*own, *((name, text.encode()) for name, text in block.items())]
