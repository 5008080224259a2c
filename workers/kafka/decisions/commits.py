"""When to commit, and which offsets."""

from collections.abc import Mapping

COMMIT_INTERVAL_SECONDS = 1.0
RENEWAL_SECONDS = 30.0
"""Half of the shortest `offsets.retention.minutes` that Kafka allows."""


class CommitSchedule:
    """Commits offsets that have risen since the last commit, at most once an interval; now and then all of them.

    Kafka forgets an offset that is not committed again, even if its partition has had no new record.
    """

    def __init__(self, committed: Mapping[int, int], now: float) -> None:
        """`committed` are the group's offsets by partition. Where the group has none, the first position is committed
        too."""
        self._committed = dict(committed)
        self._next_at = now + COMMIT_INTERVAL_SECONDS
        self._renew_at = now  # perhaps they are old already

    @property
    def committed(self) -> Mapping[int, int]:
        return self._committed

    def due(self, safe: Mapping[int, int], now: float) -> dict[int, int]:
        """Return the offsets to commit now, if any. A commit that fails is due again after the interval."""
        if now < self._next_at:
            return {}
        self._next_at = now + COMMIT_INTERVAL_SECONDS
        if now < self._renew_at:
            return self.risen(safe)
        self._renew_at = now + RENEWAL_SECONDS
        return {partition: offset for partition, offset in safe.items() if offset >= self._committed.get(partition, -1)}

    def risen(self, safe: Mapping[int, int]) -> dict[int, int]:
        """Return the offsets that are beyond the last commit, whenever that was."""
        return {partition: offset for partition, offset in safe.items() if offset > self._committed.get(partition, -1)}

    def succeeded(self, offsets: Mapping[int, int]) -> None:
        self._committed.update(offsets)
