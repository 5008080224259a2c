"""The partitions that a consumer has between two rebalances."""

from collections.abc import Callable, Iterable, Mapping

from domain.subscription import PartitionProgress
from workers.kafka.commits import CommitSchedule
from workers.kafka.delivery import Counts, Delivery, Route
from workers.kafka.offsets import OffsetTracker
from workers.kafka.records import Record

MAX_PENDING_RECORDS = 4_000
MAX_PENDING_BYTES = 32 * 1024 * 1024
PARTITIONS_REPORTED = 100


class Assignment:
    """Follows every record of its partitions until it is delivered, and knows what to commit.

    With the partitions' revocation it is closed; calls that are late then concern nobody.
    """

    def __init__(
        self,
        positions: Mapping[int, int],
        committed: Mapping[int, int],
        route: Route,
        source: Callable[[int], str],
        counts: Counts,
        *,
        now: float,
    ) -> None:
        """`positions` is where each partition begins, `committed` what its group has committed, if anything."""
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
        return [
            partition
            for partition, tracker in self._trackers.items()
            if tracker.pending <= MAX_PENDING_RECORDS and tracker.pending_bytes <= MAX_PENDING_BYTES
        ]

    def oldest_waiting_seconds(self, now: float) -> float:
        """How long the oldest record that is not delivered yet has been waiting."""
        since = [tracker.waiting_since for tracker in self._trackers.values() if tracker.waiting_since is not None]
        return max(0.0, now - min(since, default=now))

    def accept(self, records: Iterable[Record], now: float) -> None:
        for record in records:
            self._trackers[record.partition].delivered(record.offset, record.size_bytes, now)
            self._delivery.accept(record)

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

    def progress(self, ends: Mapping[int, int]) -> list[PartitionProgress]:
        """`ends` are the logs' ends, where they are known."""
        reported = list(self._trackers.items())[:PARTITIONS_REPORTED]
        return [self._partition_progress(partition, tracker, ends) for partition, tracker in reported]

    def _partition_progress(self, partition: int, tracker: OffsetTracker, ends: Mapping[int, int]) -> PartitionProgress:
        committed = self._schedule.committed.get(partition, 0)
        end = ends.get(partition, tracker.position)
        return PartitionProgress(
            partition=partition,
            committed=committed,
            acknowledged=tracker.safe,
            position=tracker.position,
            end=end,
            lag=max(0, end - committed),
        )

    def _safe(self) -> dict[int, int]:
        return {partition: tracker.safe for partition, tracker in self._trackers.items()}

    def _finished(self, record: Record) -> None:
        self._trackers[record.partition].finished(record.offset)
