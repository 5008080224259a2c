"""The partitions of one consumer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from domain.records import Record
from domain.subscription import PartitionProgress
from workers.kafka.decisions.commits import CommitSchedule
from workers.kafka.decisions.counts import Counts
from workers.kafka.decisions.offsets import OffsetTracker
from workers.kafka.delivery import Delivery, Route

MIB = 1024 * 1024


@dataclass(frozen=True)
class Room:
    """How much of one partition may wait in memory. A partition that is full is not read until there is room again."""

    records: int
    bytes: int
    span: int = 100_000
    """Records since the oldest that waits, those that are done with included: they are remembered, and come again
    after a crash."""

    @classmethod
    def shared_by(cls, partitions: int) -> Self:
        """What each of a consumer's partitions has: together at most 64 MiB and 16,000 records, or 250 each."""
        return cls(
            records=min(4_000, max(250, 16_000 // partitions)),
            bytes=min(32 * MIB, max(MIB, 64 * MIB // partitions)),
        )

    def is_left(self, tracker: OffsetTracker) -> bool:
        return tracker.pending <= self.records and tracker.pending_bytes <= self.bytes and tracker.span <= self.span


class Assignment:
    """Follows every record of its partitions until it is delivered, and knows what to commit.

    When the consumer stops it is closed; calls that are late then concern nobody.
    """

    def __init__(
        self,
        positions: Mapping[int, int],
        committed: Mapping[int, int],
        route: Route,
        source: Callable[[int], str],
        counts: Mapping[int, Counts],
        *,
        now: float,
    ) -> None:
        """`positions` is where each partition begins, `committed` what its group has committed, if anything.

        `counts` has what was done with each partition so far, and goes on counting.
        """
        self._room = Room.shared_by(len(positions))
        self._counts = counts
        self._trackers = {partition: OffsetTracker(position) for partition, position in positions.items()}
        self._schedule = CommitSchedule(committed, now)
        self._delivery = Delivery(route, source, self._finished, counts)

    @property
    def in_flight(self) -> int:
        return self._delivery.in_flight

    def positions(self) -> dict[int, int]:
        return {partition: tracker.position for partition, tracker in self._trackers.items()}

    def with_room(self) -> list[int]:
        """The partitions that may be read on."""
        return [partition for partition, tracker in self._trackers.items() if self._room.is_left(tracker)]

    def accept(self, records: Sequence[Record], now: float) -> None:
        for record in records:
            self._trackers[record.partition].delivered(record.offset, record.size_bytes, now)
        self._delivery.accept(records)

    def check(self) -> None:
        """Raises what kept a delivery from ending, if anything did."""
        self._delivery.check()

    def skip_to(self, partition: int, offset: int) -> None:
        """Go on at `offset`: before it there is nothing more for us."""
        self._trackers[partition].skip_to(offset)

    def commits_due(self, now: float) -> dict[int, int]:
        return self._schedule.due(self._safe(), now)

    def commits_left(self) -> dict[int, int]:
        return self._schedule.risen(self._safe())

    def committed(self, offsets: Mapping[int, int]) -> None:
        self._schedule.succeeded(offsets)

    async def close(self, patience_seconds: float) -> None:
        """Drop what was not sent yet; wait for what was."""
        await self._delivery.close(patience_seconds)

    def progress(self, ends: Mapping[int, int], now: float) -> list[PartitionProgress]:
        """`ends` are the logs' ends, where they are known."""
        return [self._partition_progress(partition, ends, now) for partition in sorted(self._trackers)]

    def _partition_progress(self, partition: int, ends: Mapping[int, int], now: float) -> PartitionProgress:
        tracker, counts = self._trackers[partition], self._counts[partition]
        committed = self._schedule.committed.get(partition, 0)
        end = ends.get(partition, tracker.position)
        return PartitionProgress(
            partition=partition,
            committed=committed,
            acknowledged=tracker.safe,
            position=tracker.position,
            end=end,
            lag=max(0, end - committed),
            rate=round(counts.rate.sampled(counts.delivered, now), 1),
            dead_lettered=counts.dead_lettered,
            oldest_in_flight_seconds=round(now - (tracker.waiting_since or now), 1),
            last_error=counts.last_error,
        )

    def _safe(self) -> dict[int, int]:
        return {partition: tracker.safe for partition, tracker in self._trackers.items()}

    def _finished(self, record: Record) -> None:
        self._trackers[record.partition].finished(record.offset)
