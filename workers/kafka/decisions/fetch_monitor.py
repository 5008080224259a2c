"""Detects partitions that are no longer fetched: aiokafka's consumer can stop fetching without an error."""

from collections.abc import Mapping

PATIENCE_SECONDS = 60.0


class FetchMonitor:
    """Remembers when each partition was last fetched. Partitions that are not read are not monitored."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[int | None, float]] = {}

    def stuck(self, last_fetches: Mapping[int, int | None], now: float) -> list[int]:
        """Return the partitions whose last fetch has not changed for `PATIENCE_SECONDS` while they were read."""
        before = self._seen
        self._seen = {
            partition: before[partition] if partition in before and before[partition][0] == fetch else (fetch, now)
            for partition, fetch in last_fetches.items()
        }
        return [partition for partition, (_, since) in self._seen.items() if now - since > PATIENCE_SECONDS]
