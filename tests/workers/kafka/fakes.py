"""A sink and a dead-letter sink that record what they receive, and fail on request."""

import asyncio
from collections import Counter, defaultdict
from typing import Any

from domain.inbox import Batch
from domain.records import Incoming, Poison
from workers.kafka.decisions.counts import Counts
from workers.kafka.decisions.offsets import OffsetTracker
from workers.kafka.decisions.partition import Partition
from workers.kafka.decisions.rate import Rate
from workers.kafka.delivery import BatchRefused


class RecordingSink:
    """Records every batch that it accepts. Calls for keys in `held` wait until the key's event is set."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, Batch[Any]]] = []
        self.held: dict[str, asyncio.Event] = {}
        self.outages = 0
        """Calls that fail before one succeeds."""
        self.refused_contents: set[str] = set()
        self.unavailable: set[str] = set()
        """Keys whose calls fail until a test removes them."""
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
            raise ConnectionError("Temporal is unavailable")
        if key in self.unavailable:
            raise ConnectionError(f"{key} is unavailable")
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
        self.written: list[tuple[int, str]] = []
        self.outages = 0

    async def write(self, incoming: Incoming, reason: Poison, source: str) -> None:
        if self.outages > 0:
            self.outages -= 1
            raise ConnectionError("Kafka is unavailable")
        self.written.append((incoming.record.offset, reason.kind))


def new_partitions(*numbers: int, position: int = 0) -> dict[int, Partition]:
    """Partitions that begin at `position`; number 0 by default."""
    return {
        number: Partition(f"local/posts/e/{number}", OffsetTracker(position), Counts(Rate(now=100)))
        for number in numbers or (0,)
    }
