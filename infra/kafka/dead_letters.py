"""The dead letters of subscriptions: list the pending ones, and redrive their records."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka.errors import KafkaError

from domain.dead_letter import DeadLetter
from domain.subscription import Subscription
from infra.kafka.clusters import KafkaClusters
from infra.kafka.dead_letter_reader import DeadLetterReader, SkippedRecord
from infra.kafka.deadlines import DEADLINES, Deadlines, KafkaUnreachable, answered
from infra.kafka.redrive import Redriver

MAX_REDRIVEN = 500
"""Records that one call redrives."""
REDRIVE_BYTES = 32 * 1024 * 1024
"""Bytes of the letters that a redrive has in memory; the last one may exceed it."""
PAGE_SECONDS = 10.0
"""After this time a page ends with the letters that it has."""
PAGE_BYTES = 8 * 1024 * 1024
"""So does a page whose letters have this size; the last one may exceed it."""
MAX_LISTINGS = 4
"""Pages that are read at the same time; others wait."""


class UnknownDeadLetter(Exception):
    """The subscription has no dead letter at these coordinates."""


@dataclass(frozen=True)
class Cursor:
    """Where a page begins: in `partition`, after the offset `after`."""

    partition: int = 0
    after: int = -1


@dataclass(frozen=True)
class Page:
    """Pending letters, partition by partition, in each the oldest first. `next` is None on the last page.

    `skipped` are records among them that are no dead letters.
    """

    letters: list[DeadLetter]
    skipped: list[SkippedRecord]
    next: Cursor | None


@dataclass
class RedriveResult:
    """What a redrive did. `remaining` means that pending letters are left: redrive again."""

    redriven: int = 0
    already_redriven: int = 0
    without_value: int = 0
    """Letters whose value or key the dead-letter topic refused: they cannot be redriven."""
    refused: int = 0
    """Records that their topic refuses: they stay pending, and the log says why."""
    remaining: bool = False


class DeadLetters:
    """The dead-letter topics of all subscriptions. One redrive and few listings run at a time: they hold letters."""

    def __init__(self, clusters: KafkaClusters, deadlines: Deadlines = DEADLINES) -> None:
        self._clusters = clusters
        self._deadlines = deadlines
        self._redriver = Redriver(clusters, deadlines)
        self._redriving = asyncio.Lock()
        self._listing = asyncio.Semaphore(MAX_LISTINGS)

    async def page(self, subscription: Subscription, cursor: Cursor, limit: int) -> Page:
        """List `limit` pending letters from `cursor` on, or fewer if they are large or reading takes too long.

        Raises `UnknownDeadLetter` if the topic has no such partition, `KafkaUnreachable`.
        """
        async with self._listing:
            return await self._page(subscription, cursor, limit)

    async def _page(self, subscription: Subscription, cursor: Cursor, limit: int) -> Page:
        letters: list[DeadLetter] = []
        skipped: list[SkippedRecord] = []
        room = PAGE_BYTES
        end_at = time.monotonic() + PAGE_SECONDS
        following: Cursor | None = cursor
        in_time = answered(subscription.cluster, "a listing of dead letters", self._deadlines.listing)
        async with _reachable(subscription.cluster), in_time:
            while following and len(letters) < limit and room > 0 and time.monotonic() < end_at:
                part = await self._partition_page(subscription, following, limit - len(letters), room)
                letters += part.letters
                room -= sum(letter.size_bytes for letter in part.letters)
                skipped += part.skipped
                following = part.next
        return Page(letters, skipped, following)

    async def redrive_one(self, subscription: Subscription, partition: int, offset: int) -> RedriveResult:
        """Redrive one letter unless it was redriven before. Raises `UnknownDeadLetter`, `KafkaUnreachable`."""
        result = RedriveResult()
        async with self._redriving_alone(subscription), self._reading(subscription, partition) as reader:
            scan = await reader.scan(subscription.name, offset - 1) if reader else None
            if reader is None or scan is None or not scan.pending.has_letter(offset):
                raise UnknownDeadLetter(
                    f"Subscription {subscription.id} has no dead letter at offset {offset} of partition {partition}."
                )
            if scan.pending.is_redriven(offset):
                result.already_redriven = 1
            else:
                letters = await reader.letters([offset], REDRIVE_BYTES)
                if letters.read_to is not None:
                    raise KafkaUnreachable(f"The dead letter at offset {offset} was not read in time. Try again later.")
                await self._redrive(subscription, letters.found, result)
        return result

    async def redrive_all(self, subscription: Subscription) -> RedriveResult:
        """Redrive the oldest `MAX_REDRIVEN` pending letters. Raises `KafkaUnreachable`."""
        result = RedriveResult()
        following: Cursor | None = Cursor()
        origins = set[str]()
        async with self._redriving_alone(subscription):
            while following and result.redriven < MAX_REDRIVEN:
                limit = MAX_REDRIVEN - result.redriven
                part = await self._partition_page(subscription, following, limit, REDRIVE_BYTES)
                # A record that is still poison may be a letter again by now.
                letters = [letter for letter in part.letters if letter.origin not in origins]
                origins.update(letter.origin for letter in letters)
                await self._redrive(subscription, letters, result)
                following = part.next
        result.remaining = following is not None
        return result

    async def _redrive(self, subscription: Subscription, letters: list[DeadLetter], result: RedriveResult) -> None:
        complete = [letter for letter in letters if letter.is_complete]
        redriven = await self._redriver.redrive(subscription, complete)
        result.redriven += redriven
        result.refused += len(complete) - redriven
        result.without_value += len(letters) - len(complete)

    async def _partition_page(self, subscription: Subscription, cursor: Cursor, limit: int, max_bytes: int) -> Page:
        async with self._reading(subscription, cursor.partition) as reader:
            if reader is None:
                return Page([], [], None)
            scan = await reader.scan(subscription.name, cursor.after)
            pending = scan.pending.offsets()
            letters = await reader.letters(pending[:limit], max_bytes)
        end = letters.read_to
        if end is None and len(pending) > limit:
            end = pending[limit - 1]
        if end is None and not scan.complete:
            end = scan.read_to
        if end is not None:
            skipped = [each for each in scan.skipped if each.offset <= end]
            return Page(letters.found, skipped, Cursor(cursor.partition, end))
        following = cursor.partition + 1
        return Page(letters.found, scan.skipped, Cursor(following) if following in reader.partitions else None)

    @asynccontextmanager
    async def _reading(self, subscription: Subscription, partition: int) -> AsyncIterator[DeadLetterReader | None]:
        """Yield None if the dead-letter topic does not exist: there are no letters, and reading would create it."""
        topic = subscription.dead_letter_topic
        if await self._clusters.topic(subscription.cluster, topic) is None:
            yield None
            return
        connection = self._clusters.connection(subscription.cluster)
        reader = DeadLetterReader(subscription.cluster, connection, topic, partition, self._deadlines)
        async with reader.connected():
            if partition not in reader.partitions:
                raise UnknownDeadLetter(f"Topic {topic!r} has no partition {partition}.")
            yield reader

    @asynccontextmanager
    async def _redriving_alone(self, subscription: Subscription) -> AsyncIterator[None]:
        """Wait until no other redrive runs, then limit the time of this one."""
        try:
            await asyncio.wait_for(self._redriving.acquire(), self._deadlines.redrive)
        except TimeoutError:
            raise KafkaUnreachable(
                f"Subscription {subscription.id} was not redriven: another redrive has not ended "
                f"within {self._deadlines.redrive:g} s. Try again later."
            ) from None
        in_time = answered(subscription.cluster, "a redrive", self._deadlines.redrive)
        try:
            async with _reachable(subscription.cluster), in_time:
                yield
        finally:
            self._redriving.release()


@asynccontextmanager
async def _reachable(cluster: str) -> AsyncIterator[None]:
    try:
        yield
    except KafkaError as error:
        raise KafkaUnreachable(f"Kafka cluster {cluster!r} does not answer: {type(error).__name__}.") from error
