"""Reads one partition of a dead-letter topic, without a consumer group.

Reading ends at the high watermark that a fetch brings, since not every broker answers right when it is asked for the
log's end.
"""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from domain.dead_letter import DeadLetter, Ledger
from infra.kafka.deadlines import Deadlines, answered, started

READ_SECONDS = 10.0
READ_RECORDS = 50_000
"""Records that one scan looks at."""
POLL_MS = 200
FETCH_MS = 50
"""How long a broker may wait for more, where nothing more will come."""
POLL_RECORDS = 500


@dataclass(frozen=True)
class Scan:
    """What a scan found. It is complete if it came to the log's end in time."""

    ledger: Ledger
    read_to: int
    complete: bool


class PartitionReader:
    """Reads with bounds on time and number. Its methods raise `KafkaUnreachable`."""

    def __init__(
        self, cluster: str, connection: Mapping[str, Any], topic: str, partition: int, deadlines: Deadlines
    ) -> None:
        """`connection` is what any client of the cluster is made with."""
        self._cluster = cluster
        self._deadlines = deadlines
        self._at = TopicPartition(topic, partition)
        self._consumer = AIOKafkaConsumer(
            **connection,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=FETCH_MS,
        )
        self._consumer.assign([self._at])

    @property
    def partitions(self) -> list[int]:
        """All that the topic has."""
        return sorted(self._consumer.partitions_for_topic(self._at.topic) or ())

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        async with started(self._consumer, self._cluster, self._deadlines):
            yield

    async def scan(self, subscription_id: str, after: int) -> Scan:
        """See which letters behind `after` wait. Marks come after their letters, so what is before does not matter."""
        ledger, read_to, seen = Ledger(subscription_id), after, 0
        async for letter in self._letters(after + 1):
            ledger.add(letter)
            read_to, seen = letter.offset, seen + 1
            if seen == READ_RECORDS:
                break
        return Scan(ledger, read_to, complete=seen < READ_RECORDS and await self._is_at_end())

    async def letters(self, offsets: Sequence[int]) -> list[DeadLetter]:
        """Read the letters at `offsets`, which rise; what has expired meanwhile or takes too long is left out."""
        wanted, found = set(offsets), list[DeadLetter]()
        if not wanted:
            return found
        async for letter in self._letters(offsets[0]):
            if letter.offset in wanted:
                found.append(letter)
            if letter.offset >= offsets[-1]:
                break
        return found

    async def _letters(self, start: int) -> AsyncIterator[DeadLetter]:
        """From `start` to the log's end, while there is time."""
        self._consumer.seek(self._at, start)
        give_up_at = time.monotonic() + READ_SECONDS
        while time.monotonic() < give_up_at:
            for record in await self._fetched():
                if record.offset >= start:  # an offset beyond the end is answered from the beginning
                    yield _as_letter(record)
            if await self._is_at_end():
                return

    async def _fetched(self) -> Sequence[ConsumerRecord]:
        """The records of the broker's next answer, which may be none. A poll that nothing answers is no answer."""
        answered_at = self._consumer.last_poll_timestamp(self._at)
        async with self._answered("a fetch from"):
            while True:
                polled = await self._consumer.getmany(self._at, timeout_ms=POLL_MS, max_records=POLL_RECORDS)
                if polled or self._consumer.last_poll_timestamp(self._at) != answered_at:
                    records: Sequence[ConsumerRecord] = polled.get(self._at, ())
                    return records

    async def _is_at_end(self) -> bool:
        end = self._consumer.highwater(self._at)
        if end is None:
            return False
        async with self._answered("a position in"):
            position = await self._consumer.position(self._at)
        return bool(position >= end)

    def _answered(self, what: str) -> AbstractAsyncContextManager[None]:
        at = f"{self._at.topic}, partition {self._at.partition}"
        return answered(self._cluster, f"{what} {at}", self._deadlines.answer)


def _as_letter(record: ConsumerRecord) -> DeadLetter:
    return DeadLetter(
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        timestamp_ms=record.timestamp,
        headers=tuple(record.headers),
    )
