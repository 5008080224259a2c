"""Writes poison to `<topic>.dead-letter`: the bytes unchanged, the reason in added headers.

A record that is read again after a crash is written again, to the same partition: see `PendingLetters`.
"""

import asyncio
import logging
import time
from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer
from aiokafka.errors import InvalidTimestampError, KafkaError
from aiokafka.structs import RecordMetadata

from domain.errors import Refusal
from domain.new_letter import NewLetter
from domain.records import Incoming, Poison
from domain.subscription import Subscription, SubscriptionBroken, UnknownSource
from domain.traces import Cause
from infra.kafka.clusters import KafkaClusters
from infra.kafka.deadlines import DEADLINES, Deadlines, answered, start_client, stop_client
from infra.kafka.record_writing import REFUSED, TOO_LARGE, send
from infra.tracing import spans

log = logging.getLogger(__name__)

KEEP_INDEFINITELY = {"retention.ms": "-1"}
"""Retention counts from a letter's timestamp, which is that of its record: the letter of an old record would expire."""
ASK_AGAIN_SECONDS = 5.0
"""How long a failure to connect, or to create the topic, counts for all letters: they would ask one after another."""


class DeadLetterWriter:
    """Writes to the dead-letter topic of one subscription. Connects with the first record."""

    def __init__(self, clusters: KafkaClusters, subscription: Subscription, deadlines: Deadlines = DEADLINES) -> None:
        self._clusters = clusters
        self._deadlines = deadlines
        self._subscription = subscription
        self._cluster = subscription.cluster
        self._subscription_id = subscription.name
        self._topic = subscription.dead_letter_topic
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._in_turn = asyncio.Lock()
        self._topic_exists = False
        self._failure: tuple[float, Exception] | None = None

    async def write(self, incoming: Incoming, reason: Poison, source: str) -> None:
        """Return once all in-sync replicas have the letter of a record from the partition `source`.

        What the topic refuses is left out, and the letter says so in its headers. Raises `SubscriptionBroken` if the
        topic refuses what is left too; `KafkaError`, `KafkaUnreachable` and `UnknownSource` if it may work later.
        """
        producer = await self._started_producer()
        try:
            cause, about = Cause.of([incoming.record.trace]), spans.kafka("send", self._topic)
            with spans.span(f"send {self._topic}", "PRODUCER", cause, about) as span:
                span.attribute("error.type", reason.kind)
                await self._write(producer, incoming, reason, source)
        except Exception:
            self._topic_exists = False  # it may have been deleted
            raise

    async def _write(self, producer: AIOKafkaProducer, incoming: Incoming, reason: Poison, source: str) -> None:
        letter = NewLetter.of(incoming, reason, self._subscription_id, source, datetime.now(UTC), trace=spans.current())
        async with answered(self._cluster, f"a write to {self._topic}", self._deadlines.send):
            async with self._in_turn:  # the first to ask for the topic's partitions would wait longest
                partitions = await producer.partitions_for(self._topic)
                partition = incoming.partition % len(partitions)
                sent = await self._send(producer, partition, letter)
            refused = await _refusal(sent)
            if refused is not None:  # perhaps for the sake of another letter in its batch
                refused = await _refusal(await self._send(producer, partition, letter, alone=True))
            while refused is not None:
                letter = self._acceptable(letter, incoming, refused)
                refused = await _refusal(await self._send(producer, partition, letter, alone=True))

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await stop_client(producer, self._deadlines.stop)

    async def _send(
        self, producer: AIOKafkaProducer, partition: int, letter: NewLetter, *, alone: bool = False
    ) -> asyncio.Future[RecordMetadata]:
        return await send(
            producer,
            self._topic,
            partition,
            key=letter.key,
            value=letter.value,
            timestamp_ms=letter.timestamp_ms,
            headers=letter.headers,
            alone=alone,
        )

    def _acceptable(self, letter: NewLetter, incoming: Incoming, refused: KafkaError) -> NewLetter:
        """Return the letter changed in one respect for which it may have been refused. Raises `SubscriptionBroken`."""
        kind = type(refused).__name__
        why = "too large for this topic" if isinstance(refused, TOO_LARGE) else f"refused by this topic: {kind}"
        changed = None
        if isinstance(refused, InvalidTimestampError):
            changed = letter.with_the_present_as_time()
        elif not isinstance(refused, TOO_LARGE):
            changed = letter.with_a_key(why)
        changed = changed or letter.smaller(why)
        if changed is None:
            raise SubscriptionBroken(
                f"{incoming.record.id} cannot be delivered, and topic {self._topic!r} refuses its dead letter, even "
                f"without value, headers and key ({kind}). Change that topic's settings, then resume the subscription."
            )
        return changed

    async def _started_producer(self) -> AIOKafkaProducer:
        """Return a producer for a topic that exists."""
        async with self._starting:
            if self._producer is not None and self._topic_exists:
                return self._producer
            if self._failure is not None and time.monotonic() < self._failure[0]:
                raise self._failure[1]
            try:
                await self._ensure_topic()
                self._topic_exists = True
                self._producer = self._producer or await self._start()
            except Exception as error:
                self._failure = time.monotonic() + ASK_AGAIN_SECONDS, error
                raise
            return self._producer

    async def _start(self) -> AIOKafkaProducer:
        producer = self._clusters.producer(self._cluster)
        try:
            async with answered(self._cluster, "the start of a client", self._deadlines.start):
                await start_client(producer, self._deadlines.stop)
        except BaseException:
            await stop_client(producer, self._deadlines.stop)
            raise
        return producer

    async def _ensure_topic(self) -> None:
        try:
            await self._clusters.ensure_dead_letter_topic(self._subscription, KEEP_INDEFINITELY)
        except Refusal as refusal:
            raise UnknownSource(
                f"{refusal} Create it with retention.ms=-1: until then poison blocks its partitions."
            ) from refusal


async def _refusal(sent: asyncio.Future[RecordMetadata]) -> KafkaError | None:
    """Return why the topic refuses what was sent, None if it accepts it."""
    try:
        await sent
    except REFUSED as error:
        return error
    return None
