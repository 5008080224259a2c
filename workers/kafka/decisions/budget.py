"""How much to read: a partition with too many unfinished records is left out until some are finished."""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.records import Record
from workers.kafka.decisions.memory import MIB, Share
from workers.kafka.decisions.offsets import OffsetTracker
from workers.kafka.decisions.partition import Partition

RECORD_BYTES = 2 * 1024
"""What a record takes besides its bytes: objects of its parsed form, and its places in queues."""
OFFSET_BYTES = 112
"""What a record takes after it is finished, as long as an older one of its partition is not."""


def memory_bytes(record: Record) -> int:
    """Estimate what a record takes until it is finished: its bytes, as they came and parsed."""
    return RECORD_BYTES + 2 * record.size_bytes


class Room:
    """What may be read at a time, in bytes of memory."""

    def __init__(self, total: int, by_partition: Mapping[int, int]) -> None:
        self._total = total
        self._by_partition = dict(by_partition)

    @property
    def partitions(self) -> list[int]:
        """The numbers of the partitions to read."""
        return list(self._by_partition)

    def has(self, partition: int) -> bool:
        return self._total > 0 and self._by_partition[partition] > 0

    def take(self, record: Record) -> None:
        """Account for a record that was read. The last one may be larger than what was left."""
        size = memory_bytes(record)
        self._total -= size
        self._by_partition[record.partition] -= size


@dataclass(frozen=True)
class Budget:
    """How much of its unfinished records a consumer may have in memory."""

    records: int
    """What each partition may have."""
    bytes: int
    """What each partition may have."""
    total_bytes: int
    """What all partitions may have together."""
    span: int = 100_000
    """Records from the oldest unfinished one on, finished ones included: all of them are read again after a crash."""

    @classmethod
    def of(cls, share: Share, partitions: int) -> "Budget":
        """Divide the share, and 16,000 records, by the partitions; but each may have 250 records and 1 MiB, as long as
        they have no more than the share together."""
        total = share.unfinished_bytes
        return cls(
            records=min(4_000, max(250, 16_000 // partitions)),
            bytes=max(min(MIB, total), total // partitions),
            total_bytes=total,
        )

    def room(self, partitions: Mapping[int, Partition]) -> Room:
        """Return what may be read now. A consumer that has no unfinished records may always read one."""
        total = self.total_bytes - sum(_used_bytes(partition.tracker) for partition in partitions.values())
        rooms = {number: self._room_of(partition.tracker) for number, partition in partitions.items()}
        return Room(total, {number: room for number, room in rooms.items() if total > 0 and room > 0})

    def _room_of(self, tracker: OffsetTracker) -> int:
        if tracker.pending > self.records or tracker.span > self.span:
            return 0
        return max(0, self.bytes - _used_bytes(tracker))


def _used_bytes(tracker: OffsetTracker) -> int:
    return tracker.pending_bytes + tracker.span * OFFSET_BYTES
