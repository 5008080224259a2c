"""The dead letters of subscriptions: list the pending ones, and redrive their records."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from operator import itemgetter

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


class LetterOutcome(StrEnum):
    REDRIVEN = "REDRIVEN"
    ALREADY_REDRIVEN = "ALREADY_REDRIVEN"
    WITHOUT_VALUE = "WITHOUT_VALUE"
    """The dead-letter topic refused its value or key: it cannot be redriven."""
    REFUSED = "REFUSED"
    """The topic refuses the record: it stays pending, and the log says why."""
    UNKNOWN = "UNKNOWN"
    """The subscription has no letter there."""
    LEFT = "LEFT"
    """It was not read within the limits of time and memory: redrive again."""


@dataclass(frozen=True)
class RedrivenLetter:
    """A letter by its coordinates in the dead-letter topic, and what a redrive did with it."""

    partition: int
    offset: int
    outcome: LetterOutcome
    reason: str | None = None
    """Says why it was refused."""


@dataclass
class RedriveResult:
    """What a redrive did. `remaining` means that pending letters are left: redrive again."""

    letters: list[RedrivenLetter] = field(default_factory=list)
    remaining: bool = False

    def count(self, outcome: LetterOutcome) -> int:
        return sum(each.outcome is outcome for each in self.letters)

    @property
    def redriven(self) -> int:
        return self.count(LetterOutcome.REDRIVEN)


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

    async def redrive_each(self, subscription: Subscription, places: Iterable[tuple[int, int]]) -> RedriveResult:
        """Redrive the letters at these partitions and offsets, unless they were before. Raises `KafkaUnreachable`."""
        result = RedriveResult()
        async with self._redriving_alone(subscription):
            for partition, group in groupby(sorted({*places}), key=itemgetter(0)):
                await self._redrive_of(subscription, partition, [offset for _, offset in group], result)
        result.remaining = result.count(LetterOutcome.LEFT) > 0
        return result

    async def _redrive_of(
        self, subscription: Subscription, partition: int, offsets: list[int], result: RedriveResult
    ) -> None:
        def add(outcome: LetterOutcome, those: Iterable[int]) -> None:
            result.letters += [RedrivenLetter(partition, offset, outcome) for offset in sorted(those)]

        try:
            async with self._reading(subscription, partition) as reader:
                if reader is None:
                    return add(LetterOutcome.UNKNOWN, offsets)
                scan = await reader.scan(subscription.name, offsets[0] - 1)
                known = [each for each in offsets if scan.pending.has_letter(each)]
                pending = [each for each in known if not scan.pending.is_redriven(each)]
                letters = await reader.letters(pending, REDRIVE_BYTES)
        except UnknownDeadLetter:
            return add(LetterOutcome.UNKNOWN, offsets)
        once = list({letter.origin: letter for letter in letters.found}.values())  # a record can have two letters
        await self._redrive(subscription, once, result)
        add(LetterOutcome.ALREADY_REDRIVEN, {*known} - {*pending} | _offsets(letters.found) - _offsets(once))
        missing = {*offsets} - {*known} | {*pending} - _offsets(letters.found)
        read_to = min(
            math.inf if scan.complete else scan.read_to, math.inf if letters.read_to is None else letters.read_to
        )
        add(LetterOutcome.UNKNOWN, (each for each in missing if each <= read_to))
        return add(LetterOutcome.LEFT, (each for each in missing if each > read_to))

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
        reasons = iter(await self._redriver.redrive(subscription, complete))
        for each in letters:
            reason = next(reasons) if each.is_complete else None
            if not each.is_complete:
                outcome = LetterOutcome.WITHOUT_VALUE
            else:
                outcome = LetterOutcome.REFUSED if reason else LetterOutcome.REDRIVEN
            result.letters.append(RedrivenLetter(each.partition, each.offset, outcome, reason))

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


def _offsets(letters: Iterable[DeadLetter]) -> set[int]:
    return {letter.offset for letter in letters}


@asynccontextmanager
async def _reachable(cluster: str) -> AsyncIterator[None]:
    try:
        yield
    except KafkaError as error:
        raise KafkaUnreachable(f"Kafka cluster {cluster!r} does not answer: {type(error).__name__}.") from error
