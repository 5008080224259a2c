"""The dead letters of subscriptions: which still wait, and how their records go back to where they came from."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.structs import RecordMetadata

from domain.dead_letter import REDRIVEN, SUBSCRIPTION, VALUE_OMITTED, DeadLetter, record_id
from domain.subscription import Subscription
from infra.kafka.clusters import KafkaClusters
from infra.kafka.dead_letter_reader import PartitionReader
from infra.kafka.deadlines import DEADLINES, Deadlines, KafkaUnreachable, answered, started

log = logging.getLogger(__name__)

MOST_REDRIVEN = 500
"""Records that one call sends back; they are in memory together."""
PAGE_SECONDS = 10.0
"""A page that has taken this long ends with what it has."""
MAX_REQUEST_BYTES = 64 * 1024 * 1024


class UnknownDeadLetter(Exception):
    """No letter of the subscription is at these coordinates."""


@dataclass(frozen=True)
class Place:
    """Go on in `partition`, behind offset `after`."""

    partition: int = 0
    after: int = -1


@dataclass(frozen=True)
class Page:
    """Letters that wait, partition by partition, each oldest first. `next` is None at the end of the last."""

    letters: list[DeadLetter]
    next: Place | None


@dataclass
class Redrive:
    """What a call did. `remaining` means that there is more to send."""

    redriven: int = 0
    already_redriven: int = 0
    without_value: int = 0
    """Letters whose value the dead-letter topic did not take: they cannot be sent."""
    remaining: bool = False


class DeadLetters:
    """The dead-letter topics of all subscriptions.

    A record goes back first and is marked then, so a crash in between sends it again with the next call: the entity
    counts it once by its origin.
    """

    def __init__(self, clusters: KafkaClusters, deadlines: Deadlines = DEADLINES) -> None:
        self._clusters = clusters
        self._deadlines = deadlines
        self._redriving = asyncio.Lock()

    async def page(self, subscription: Subscription, place: Place, limit: int) -> Page:
        """The letters from `place` on that were not re-driven: `limit` of them, or fewer if reading takes too long.

        Raises `UnknownDeadLetter` for a partition that is not there, `KafkaUnreachable`.
        """
        letters: list[DeadLetter] = []
        enough_at = time.monotonic() + PAGE_SECONDS
        going_on: Place | None = place
        in_time = answered(subscription.cluster, "a listing of dead letters", self._deadlines.listing)
        async with _reachable(subscription.cluster), in_time:
            while going_on and len(letters) < limit and time.monotonic() < enough_at:
                part = await self._partition_page(subscription, going_on, limit - len(letters))
                letters += part.letters
                going_on = part.next
        return Page(letters, going_on)

    async def _partition_page(self, subscription: Subscription, place: Place, limit: int) -> Page:
        async with self._reading(subscription, place.partition) as reader:
            if reader is None:
                return Page([], None)
            scan = await reader.scan(subscription.id, place.after)
            waiting = scan.ledger.waiting()
            letters = await reader.letters(waiting[:limit])
        if len(waiting) > limit:
            return Page(letters, Place(place.partition, waiting[limit - 1]))
        if not scan.complete:
            return Page(letters, Place(place.partition, scan.read_to))
        following = place.partition + 1
        return Page(letters, Place(following) if following in reader.partitions else None)

    async def redrive_one(self, subscription: Subscription, partition: int, offset: int) -> Redrive:
        """Send one letter's record back, unless it was before. Raises `UnknownDeadLetter`, `KafkaUnreachable`."""
        outcome = Redrive()
        async with self._redriving_alone(subscription), self._reading(subscription, partition) as reader:
            scan = await reader.scan(subscription.id, offset - 1) if reader else None
            if reader is None or scan is None or not scan.ledger.has(offset):
                raise UnknownDeadLetter(f"Subscription {subscription.id} has no dead letter at {partition}, {offset}.")
            if scan.ledger.is_redriven(offset):
                outcome.already_redriven = 1
            else:
                await self._send_back(subscription, await reader.letters([offset]), outcome)
        return outcome

    async def redrive_all(self, subscription: Subscription) -> Redrive:
        """Send back the records of all letters that wait, at most 500 a call. Raises `KafkaUnreachable`."""
        outcome = Redrive()
        going_on: Place | None = Place()
        async with self._redriving_alone(subscription):
            while going_on and outcome.redriven < MOST_REDRIVEN:
                part = await self._partition_page(subscription, going_on, MOST_REDRIVEN - outcome.redriven)
                await self._send_back(subscription, part.letters, outcome)
                going_on = part.next
        outcome.remaining = going_on is not None
        return outcome

    async def _send_back(self, subscription: Subscription, letters: list[DeadLetter], outcome: Redrive) -> None:
        """Send the records, in order, and once they are there leave the marks."""
        whole = [letter for letter in letters if VALUE_OMITTED not in letter.said]
        outcome.without_value += len(letters) - len(whole)
        if not whole:
            return
        async with self._producing(subscription) as producer:
            async with self._sent(subscription, subscription.topic):
                partitions = await producer.partitions_for(subscription.topic)
                sent = [await _send(producer, subscription.topic, letter, partitions) for letter in whole]
                places = await asyncio.gather(*sent)
            async with self._sent(subscription, subscription.dead_letter_topic):
                marks = [await _mark(producer, subscription, letter) for letter in whole]
                await asyncio.gather(*marks)
        for letter, place in zip(whole, places, strict=True):
            log.info("%s was sent back as %s", letter.origin, record_id(place.topic, place.partition, place.offset))
        outcome.redriven += len(whole)

    @asynccontextmanager
    async def _reading(self, subscription: Subscription, partition: int) -> AsyncIterator[PartitionReader | None]:
        """None if the topic is not there, so there is no letter either; reading would make it."""
        topic = subscription.dead_letter_topic
        if await self._clusters.topic(subscription.cluster, topic) is None:
            yield None
            return
        connection = self._clusters.connection(subscription.cluster)
        reader = PartitionReader(subscription.cluster, connection, topic, partition, self._deadlines)
        async with reader.connected():
            if partition not in reader.partitions:
                raise UnknownDeadLetter(f"Topic {topic!r} has no partition {partition}.")
            yield reader

    @asynccontextmanager
    async def _producing(self, subscription: Subscription) -> AsyncIterator[AIOKafkaProducer]:
        producer = AIOKafkaProducer(
            **self._clusters.connection(subscription.cluster),
            acks="all",
            max_request_size=MAX_REQUEST_BYTES,
        )
        async with started(producer, subscription.cluster, self._deadlines):
            yield producer

    @asynccontextmanager
    async def _redriving_alone(self, subscription: Subscription) -> AsyncIterator[None]:
        """Wait until no other redrive runs, then limit this one."""
        try:
            await asyncio.wait_for(self._redriving.acquire(), self._deadlines.redrive)
        except TimeoutError:
            raise KafkaUnreachable(
                f"Subscription {subscription.id} was not redriven: another redrive has not ended "
                f"within {self._deadlines.redrive:g} s. Ask again."
            ) from None
        in_time = answered(subscription.cluster, "a redrive", self._deadlines.redrive)
        try:
            async with _reachable(subscription.cluster), in_time:
                yield
        finally:
            self._redriving.release()

    def _sent(self, subscription: Subscription, topic: str) -> AbstractAsyncContextManager[None]:
        return answered(subscription.cluster, f"a write to {topic}", self._deadlines.send)


async def _send(
    producer: AIOKafkaProducer, topic: str, letter: DeadLetter, partitions: Collection[int]
) -> asyncio.Future[RecordMetadata]:
    """To the partition that the record came from, if the topic still has it: there the key's other records are."""
    sent: asyncio.Future[RecordMetadata] = await producer.send(
        topic,
        partition=letter.source_partition if letter.source_partition in partitions else None,
        key=letter.key,
        value=letter.value,
        timestamp_ms=letter.timestamp_ms if letter.timestamp_ms >= 0 else None,
        headers=letter.returned_headers(),
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
        headers=[(SUBSCRIPTION, subscription.id.encode()), (REDRIVEN, now.encode())],
    )
    return sent


@asynccontextmanager
async def _reachable(cluster: str) -> AsyncIterator[None]:
    try:
        yield
    except KafkaError as error:
        raise KafkaUnreachable(f"Kafka cluster {cluster!r} does not answer: {type(error).__name__}.") from error
