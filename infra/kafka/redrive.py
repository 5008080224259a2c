"""Sends the records of dead letters back to their source topic, and marks the letters as redriven.

The record is sent first and its letter marked after that. A crash between the two leaves the letter pending, so
that the next redrive sends the record again; the entity applies it once, by its origin.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer
from aiokafka.errors import InvalidTimestampError
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.structs import RecordMetadata

from domain.dead_letter import DeadLetter, record_id
from domain.subscription import Subscription
from domain.traces import Cause
from infra.kafka.clusters import KafkaClusters
from infra.kafka.deadlines import Deadlines, answered, started
from infra.kafka.record_writing import REFUSED, send
from infra.tracing import spans

log = logging.getLogger(__name__)


class Redriver:
    """Redrives letters with a producer of its own for each call."""

    def __init__(self, clusters: KafkaClusters, deadlines: Deadlines) -> None:
        self._clusters = clusters
        self._deadlines = deadlines

    async def redrive(self, subscription: Subscription, letters: Sequence[DeadLetter]) -> list[str | None]:
        """Send the records in the order of `letters`, then write the marks. Return for each why the topic refuses it.

        Those stay pending, and the log has more. Raises `KafkaError`, `KafkaUnreachable`: the letters of records that
        were written before are marked, unless there is no answer.
        """
        if not letters:
            return []
        producer = self._clusters.producer(subscription.cluster)
        async with started(producer, subscription.cluster, self._deadlines):
            async with self._answered(subscription, subscription.topic):
                outcomes = await _send_all(producer, subscription.topic, letters)
            pairs = list(zip(letters, outcomes, strict=True))
            written = [(letter, to) for letter, to in pairs if not isinstance(to, BaseException)]
            async with self._answered(subscription, subscription.dead_letter_topic):
                marks = [await _mark(producer, subscription, letter) for letter, _ in written]
                await asyncio.gather(*marks)
        for letter, to in written:
            log.info("redrove %s as %s", letter.origin, record_id(to.topic, to.partition, to.offset))
        for letter, outcome in pairs:
            if isinstance(outcome, REFUSED):
                log.warning("%s is not redriven: topic %r refuses it: %r", letter.origin, subscription.topic, outcome)
            elif isinstance(outcome, BaseException):
                raise outcome
        return [type(outcome).__name__ if isinstance(outcome, BaseException) else None for outcome in outcomes]

    def _answered(self, subscription: Subscription, topic: str) -> AbstractAsyncContextManager[None]:
        return answered(subscription.cluster, f"a write to {topic}", self._deadlines.send)


async def _send_all(
    producer: AIOKafkaProducer, topic: str, letters: Sequence[DeadLetter]
) -> list[RecordMetadata | BaseException]:
    """Send in order; those that are refused once more, each alone: a batch is refused for the sake of one record."""
    partitions = sorted(await producer.partitions_for(topic))
    sent = [await _send(producer, topic, letter, partitions) for letter in letters]
    outcomes: list[RecordMetadata | BaseException] = await asyncio.gather(*sent, return_exceptions=True)
    for number, letter in enumerate(letters):
        if isinstance(outcomes[number], REFUSED):
            outcomes[number] = await _send_alone(producer, topic, letter, partitions)
    return outcomes


async def _send_alone(
    producer: AIOKafkaProducer, topic: str, letter: DeadLetter, partitions: Sequence[int]
) -> RecordMetadata | BaseException:
    """With the present as its timestamp if the topic refuses the record's; the headers have that one."""
    outcome: RecordMetadata | BaseException
    (outcome,) = await asyncio.gather(
        await _send(producer, topic, letter, partitions, alone=True), return_exceptions=True
    )
    if isinstance(outcome, InvalidTimestampError):
        sent = await _send(producer, topic, letter, partitions, alone=True, at_present=True)
        (outcome,) = await asyncio.gather(sent, return_exceptions=True)
    return outcome


async def _send(
    producer: AIOKafkaProducer,
    topic: str,
    letter: DeadLetter,
    partitions: Sequence[int],
    *,
    alone: bool = False,
    at_present: bool = False,
) -> asyncio.Future[RecordMetadata]:
    """Send to the partition that the record came from, where the other records of its key are, if it still exists."""
    continued = Cause.of([letter.trace]).linking(spans.current())
    with spans.span(f"send {topic}", "PRODUCER", continued, spans.kafka("send", topic)):
        return await send(
            producer,
            topic,
            _partition(letter, partitions),
            key=letter.record_key,
            value=letter.value,
            timestamp_ms=None if at_present else letter.record_timestamp_ms,
            headers=letter.redrive_headers(spans.current()),
            alone=alone,
        )


def _partition(letter: DeadLetter, partitions: Sequence[int]) -> int:
    if letter.source_partition in partitions:
        return letter.source_partition
    number: int = DefaultPartitioner()(letter.record_key, partitions, partitions)
    return number


async def _mark(
    producer: AIOKafkaProducer, subscription: Subscription, letter: DeadLetter
) -> asyncio.Future[RecordMetadata]:
    return await send(
        producer,
        subscription.dead_letter_topic,
        letter.partition,
        key=letter.origin.encode(),
        value=None,
        timestamp_ms=None,
        headers=letter.mark_headers(datetime.now(UTC).isoformat(timespec="milliseconds")),
    )
