"""A sink and dead letters that remember, and fail as told."""

import asyncio
from collections import Counter, defaultdict
from typing import Any

from domain.inbox import Batch
from domain.records import Poison, Record
from workers.kafka.decisions.counts import Counts
from workers.kafka.decisions.rate import Rate
from workers.kafka.delivery import BatchRefused


class RecordingSink:
    """Remembers every batch it took. Keys in `held` wait until their event is set."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, Batch[Any]]] = []
        self.held: dict[str, asyncio.Event] = {}
        self.outages = 0
        """Calls that fail before one succeeds."""
        self.refused_contents: set[str] = set()
        self.away: set[str] = set()
        """Keys that are away until a test takes them out."""
        self.calls = 0
        self.most_at_once: Counter[str] = Counter()
        self._at_once: Counter[str] = Counter()

    async def deliver(self, key: str, batch: Batch[Any]) -> None:
        self.calls += 1
        self._at_once[key] += 1
        self.most_at_once[key] = max(self.most_at_once[key], self._at_once[key])
        try:
            await self._deliver(key, batch)
        finally:
            self._at_once[key] -= 1

    async def _deliver(self, key: str, batch: Batch[Any]) -> None:
        await asyncio.sleep(0)
        if key in self.held:
            await self.held[key].wait()
        if self.outages > 0:
            self.outages -= 1
            raise ConnectionError("Temporal is away")
        if key in self.away:
            raise ConnectionError(f"{key} is away")
        if any(message.body.content in self.refused_contents for message in batch.messages):
            raise BatchRefused("blob too large")
        self.batches.append((key, batch))

    def contents(self) -> dict[str, list[str]]:
        """What each key received, in order, redelivery included."""
        received: dict[str, list[str]] = defaultdict(list)
        for key, batch in self.batches:
            received[key] += [message.body.content for message in batch.messages]
        return dict(received)

    def count(self) -> int:
        return sum(len(batch.messages) for _, batch in self.batches)


class RecordingDeadLetters:
    def __init__(self) -> None:
        self.kept: list[tuple[int, str]] = []
        self.outages = 0

    async def keep(self, record: Record, reason: Poison) -> None:
        if self.outages > 0:
            self.outages -= 1
            raise ConnectionError("Kafka is away")
        self.kept.append((record.offset, reason.kind))


def new_counts(*partitions: int) -> dict[int, Counts]:
    return {partition: Counts(Rate(now=100)) for partition in partitions or (0,)}
