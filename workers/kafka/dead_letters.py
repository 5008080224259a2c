"""Dead letters: poison goes to `<topic>.dead-letter`, its bytes unchanged, the reason in its headers.

The headers are named as Kafka Connect names them, so that its tools find them. A record that is read again after a
crash is written again: readers count by topic, partition and offset.
"""

import asyncio
import logging
from contextlib import suppress

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from domain.errors import Refusal
from domain.subscription import Subscription
from infra.kafka import KafkaClusters
from workers.kafka.records import Poison, Record

log = logging.getLogger(__name__)

STOP_SECONDS = 5.0
MAX_REQUEST_BYTES = 64 * 1024 * 1024
"""Whatever the source topic took is sent; the broker has the last word."""
VALUE_OMITTED = "dead-letter.value.omitted"
"""Header of a record whose value the dead-letter topic would not take; the source topic still has it."""


class DeadLetterTopic:
    """The dead-letter topic of one subscription. Connects with the first record it keeps."""

    def __init__(self, clusters: KafkaClusters, subscription: Subscription) -> None:
        self._clusters = clusters
        self._cluster = subscription.cluster
        self._topic = subscription.dead_letter_topic
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def keep(self, record: Record, reason: Poison) -> None:
        """Return once all replicas have it. Raises `KafkaError`, `ConnectionError`."""
        producer = await self._started_producer()
        headers = [*record.headers, *reason_headers(record, reason)]
        # A message needs a key or a value, and a record may lack both.
        value = b"" if record.key is None and record.value is None else record.value
        try:
            await self._send(producer, record, value, headers)
        except MessageSizeTooLargeError:
            await self._send(producer, record, b"", [*headers, (VALUE_OMITTED, b"too large for this topic")])

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(TimeoutError, KafkaError):
                await asyncio.wait_for(producer.stop(), STOP_SECONDS)

    async def _send(
        self, producer: AIOKafkaProducer, record: Record, value: bytes | None, headers: list[tuple[str, bytes]]
    ) -> None:
        await producer.send_and_wait(
            self._topic,
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
                    bootstrap_servers=self._clusters.address(self._cluster),
                    acks="all",
                    max_request_size=MAX_REQUEST_BYTES,
                )
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer

    async def _ensure_topic(self) -> None:
        try:
            await self._clusters.ensure_topic(self._cluster, self._topic)
        except Refusal as refusal:
            # Perhaps the broker makes it with the first record; if not, that record waits and says so.
            log.warning("%s", refusal)


def reason_headers(record: Record, reason: Poison) -> list[tuple[str, bytes]]:
    return [
        ("__connect.errors.topic", record.topic.encode()),
        ("__connect.errors.partition", str(record.partition).encode()),
        ("__connect.errors.offset", str(record.offset).encode()),
        ("__connect.errors.exception.class.name", reason.kind.encode()),
        ("__connect.errors.exception.message", str(reason).encode()),
    ]
