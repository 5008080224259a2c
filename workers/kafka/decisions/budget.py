"""Which partitions to read: a partition with too many unfinished records is left out until some are finished."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from workers.kafka.decisions.offsets import OffsetTracker
from workers.kafka.decisions.partition import Partition

MIB = 1024 * 1024


@dataclass(frozen=True)
class Budget:
    """How many unfinished records each partition may have in memory."""

    records: int
    bytes: int
    span: int = 100_000
    """Records from the oldest unfinished one on, finished ones included: all of them are read again after a crash."""

    @classmethod
    def shared_by(cls, partitions: int) -> Self:
        """The partitions of a consumer share 16,000 records and 64 MiB, but each has at least 250 records and 1 MiB."""
        return cls(
            records=min(4_000, max(250, 16_000 // partitions)),
            bytes=min(32 * MIB, max(MIB, 64 * MIB // partitions)),
        )

    def readable(self, partitions: Mapping[int, Partition]) -> list[int]:
        """Return the numbers of the partitions to read."""
        return [number for number, partition in partitions.items() if self.has_capacity(partition.tracker)]

    def has_capacity(self, tracker: OffsetTracker) -> bool:
        return tracker.pending <= self.records and tracker.pending_bytes <= self.bytes and tracker.span <= self.span
