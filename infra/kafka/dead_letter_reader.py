"""Reads one partition of a dead-letter topic, without a consumer group.

The end of the log is the high watermark that comes with a fetch: not every broker answers correctly when it is asked
for the end.
"""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord

from domain.dead_letter import DeadLetter, PendingLetters
from domain.records import Unreadable
from infra.kafka.deadlines import Deadlines, answered, started
from infra.kafka.record_parsing import new_consumer

READ_SECONDS = 10.0
MAX_SCANNED = 50_000
"""Records that one scan reads."""
MAX_SKIPPED = 50
"""Records that one scan names as no dead letters."""
POLL_MS = 200
FETCH_MS = 50
"""How long a broker may wait for more records: at the end of the log there are none."""
POLL_RECORDS = 500


@dataclass(frozen=True)
class SkippedRecord:
    """A record of a dead-letter topic that is no dead letter, and why. It stays where it is."""

    partition: int
    offset: int
    reason: str


@dataclass(frozen=True)
class Scan:
    """What a scan found up to the offset `read_to`. `complete` means that it reached the end of the log."""

    pending: PendingLetters
    skipped: list[SkippedRecord]
    read_to: int
    complete: bool


@dataclass(frozen=True)
class Letters:
    """Letters that were read. `read_to` is the last offset that was, if time or memory did not suffice for all."""

    found: list[DeadLetter]
    read_to: int | None


class DeadLetterReader:
    """Reads with limits on time and number of records. Its methods raise `KafkaUnreachable`."""

    def __init__(
        self, cluster: str, connection: Mapping[str, Any], topic: str, partition: int, deadlines: Deadlines
    ) -> None:
        """`connection` are the arguments of the cluster's clients."""
        self._cluster = cluster
        self._deadlines = deadlines
        self._tp = TopicPartition(topic, partition)
        self._consumer = new_consumer(
            **connection,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=FETCH_MS,
        )
        self._consumer.assign([self._tp])

    @property
    def partitions(self) -> list[int]:
        """All partitions of the topic."""
        return sorted(self._consumer.partitions_for_topic(self._tp.topic) or ())

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        async with started(self._consumer, self._cluster, self._deadlines):
            yield

    async def scan(self, subscription_id: str, after: int) -> Scan:
        """Find the pending letters after offset `after`. Earlier records do not matter: marks follow their letters."""
        pending, read_to, scanned = PendingLetters(subscription_id), after, 0
        skipped: list[SkippedRecord] = []
        async for letter in self._letters(after + 1):
            problem = letter.value.reason if isinstance(letter.value, Unreadable) else pending.add(letter)
            if problem is not None and len(skipped) < MAX_SKIPPED:
                skipped.append(SkippedRecord(letter.partition, letter.offset, problem))
            read_to, scanned = letter.offset, scanned + 1
            if scanned == MAX_SCANNED:
                break
        return Scan(pending, skipped, read_to, complete=scanned < MAX_SCANNED and await self._is_at_end())

    async def letters(self, offsets: Sequence[int], max_bytes: int) -> Letters:
        """Read the letters at `offsets`, in ascending order, until they have `max_bytes`; the last one may exceed it.

        Left out are those that have expired since the scan.
        """
        wanted, found, size = set(offsets), list[DeadLetter](), 0
        if not wanted:
            return Letters(found, None)
        read_to = offsets[0] - 1
        async for letter in self._letters(offsets[0]):
            read_to = letter.offset
            if read_to in wanted:
                found.append(letter)
                size += letter.size_bytes
            if read_to >= offsets[-1]:
                return Letters(found, None)
            if size >= max_bytes:
                return Letters(found, read_to)
        return Letters(found, None if await self._is_at_end() else read_to)

    async def _letters(self, start: int) -> AsyncIterator[DeadLetter]:
        """Yield the records from `start` to the end of the log, for `READ_SECONDS` at most."""
        self._consumer.seek(self._tp, start)
        give_up_at = time.monotonic() + READ_SECONDS
        while time.monotonic() < give_up_at:
            for record in await self._fetch():
                if record.offset >= start:  # a fetch beyond the end is answered from the beginning
                    yield _as_letter(record)
            if await self._is_at_end():
                return

    async def _fetch(self) -> Sequence[ConsumerRecord]:
        """Return the records of the broker's next answer, which may be none. A poll can end before an answer comes."""
        answered_at = self._consumer.last_poll_timestamp(self._tp)
        async with self._answered("a fetch from"):
            while True:
                polled = await self._consumer.getmany(self._tp, timeout_ms=POLL_MS, max_records=POLL_RECORDS)
                if polled or self._consumer.last_poll_timestamp(self._tp) != answered_at:
                    records: Sequence[ConsumerRecord] = polled.get(self._tp, ())
                    return records

    async def _is_at_end(self) -> bool:
        end = self._consumer.highwater(self._tp)
        if end is None:
            return False
        async with self._answered("a position in"):
            position = await self._consumer.position(self._tp)
        return bool(position >= end)

    def _answered(self, what: str) -> AbstractAsyncContextManager[None]:
        where = f"{self._tp.topic}, partition {self._tp.partition}"
        return answered(self._cluster, f"{what} {where}", self._deadlines.answer)


def _as_letter(record: ConsumerRecord) -> DeadLetter:
    return DeadLetter(
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        timestamp_ms=record.timestamp,
        headers=tuple(record.headers),
    )
