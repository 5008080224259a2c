"""Reads one partition of a dead-letter topic, without a consumer group.

Reading ends at the high watermark that a fetch brings, since not every broker answers right when it is asked for the
log's end.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from domain.dead_letter import DeadLetter, Ledger

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
    """Reads with bounds on time and number."""

    def __init__(self, connection: Mapping[str, Any], topic: str, partition: int) -> None:
        """`connection` is what any client of the cluster is made with."""
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

    async def start(self) -> None:
        await self._consumer.start()
        # Its tasks begin now: stopped before that, they would cancel whoever stops them.
        await asyncio.sleep(0)

    async def stop(self) -> None:
        await self._consumer.stop()

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
            polled = await self._consumer.getmany(self._at, timeout_ms=POLL_MS, max_records=POLL_RECORDS)
            for record in polled.get(self._at, ()):
                if record.offset >= start:  # an offset beyond the end is answered from the beginning
                    yield DeadLetter(
                        partition=record.partition,
                        offset=record.offset,
                        key=record.key,
                        value=record.value,
                        timestamp_ms=record.timestamp,
                        headers=tuple(record.headers),
                    )
            if await self._is_at_end():
                return

    async def _is_at_end(self) -> bool:
        end = self._consumer.highwater(self._at)
        return end is not None and await self._consumer.position(self._at) >= end
