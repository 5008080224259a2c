"""In which order records go out: one lane per key, one batch per lane at a time."""

from collections import deque
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class Queued(Protocol):
    """What a lane needs to know of a record."""

    @property
    def partition(self) -> int: ...

    @property
    def size_bytes(self) -> int: ...


Item = TypeVar("Item", bound=Queued)


@dataclass(frozen=True)
class Limits:
    lanes_in_flight: int
    batch_records: int
    batch_bytes: int = 256 * 1024
    """A record larger than this travels alone."""


class Lanes(Generic[Item]):
    """Queues by key. Whatever waits for a key while its last batch is in flight becomes its next batch."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waiting: dict[str, deque[Item]] = {}
        self._ready: deque[str] = deque()
        self._in_flight: set[str] = set()

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    def add(self, lane: str, item: Item) -> None:
        if lane not in self._waiting:
            self._waiting[lane] = deque()
            if lane not in self._in_flight:
                self._ready.append(lane)
        self._waiting[lane].append(item)

    def take(self) -> tuple[str, list[Item]] | None:
        """Take the next batch, of one lane and one partition; None if nothing is ready or all calls are busy."""
        if not self._ready or len(self._in_flight) >= self._limits.lanes_in_flight:
            return None
        lane = self._ready.popleft()
        self._in_flight.add(lane)
        return lane, self._batch(lane)

    def finished(self, lane: str) -> None:
        """Free the lane of a batch that was taken."""
        self._in_flight.remove(lane)
        if lane in self._waiting:
            self._ready.append(lane)

    def clear(self) -> None:
        """Forget what waits; what is in flight stays."""
        self._waiting.clear()
        self._ready.clear()

    def _batch(self, lane: str) -> list[Item]:
        waiting = self._waiting[lane]
        batch = [waiting.popleft()]
        size = batch[0].size_bytes
        while waiting and len(batch) < self._limits.batch_records and waiting[0].partition == batch[0].partition:
            size += waiting[0].size_bytes
            if size > self._limits.batch_bytes:
                break
            batch.append(waiting.popleft())
        if not waiting:
            del self._waiting[lane]
        return batch
