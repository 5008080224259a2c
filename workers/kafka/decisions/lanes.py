"""The order in which records are sent: one lane per key, one batch per lane at a time."""

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from workers.kafka.decisions.memory import Memory, Share


class Queued(Protocol):
    """What a lane needs to know about a record."""

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
    """A larger record is a batch of its own."""
    share: Share = field(default_factory=lambda: Share(Memory()))
    """The memory that the consumer may use."""


class Lanes(Generic[Item]):
    """One queue per key. What arrives for a key while its batch is in flight becomes its next batch."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waiting: dict[str, deque[Item]] = {}
        self._ready: deque[str] = deque()
        self._in_flight: dict[str, int] = {}
        """The bytes of each lane's batch."""
        self._bytes_in_flight = 0

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
        """Take the next batch, from one lane and one partition. None if no lane is ready or too much is in flight."""
        if not self._ready or len(self._in_flight) >= self._limits.lanes_in_flight:
            return None
        lane = self._ready[0]
        left = self._limits.share.in_flight_bytes - self._bytes_in_flight
        if self._in_flight and self._waiting[lane][0].size_bytes > left:
            return None
        self._ready.popleft()
        batch, size = self._batch(lane, left)
        self._in_flight[lane] = size
        self._bytes_in_flight += size
        return lane, batch

    def finished(self, lane: str) -> None:
        """Release the lane of a batch that was taken."""
        self._bytes_in_flight -= self._in_flight.pop(lane)
        if lane in self._waiting:
            self._ready.append(lane)

    def clear(self) -> None:
        """Drop what is queued; batches in flight are not affected."""
        self._waiting.clear()
        self._ready.clear()

    def _batch(self, lane: str, most_bytes: int) -> tuple[list[Item], int]:
        """Return the batch and its size: one record at least, and `most_bytes` otherwise."""
        most_bytes = min(most_bytes, self._limits.batch_bytes)
        waiting = self._waiting[lane]
        batch = [waiting.popleft()]
        size = batch[0].size_bytes
        while waiting and len(batch) < self._limits.batch_records and waiting[0].partition == batch[0].partition:
            if size + waiting[0].size_bytes > most_bytes:
                break
            size += waiting[0].size_bytes
            batch.append(waiting.popleft())
        if not waiting:
            del self._waiting[lane]
        return batch, size
