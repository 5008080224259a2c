"""Since when values have not changed."""

from collections.abc import Mapping


class Standstill:
    """Remembers for each partition when its value last changed. A partition that is left out is forgotten."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[object, float]] = {}

    def since(self, values: Mapping[int, object], now: float) -> dict[int, float]:
        """Return since when each partition has had its value."""
        before = self._seen
        self._seen = {
            partition: before[partition] if partition in before and before[partition][0] == value else (value, now)
            for partition, value in values.items()
        }
        return {partition: since for partition, (_, since) in self._seen.items()}

    def longer_than(self, seconds: float, values: Mapping[int, object], now: float) -> list[int]:
        """Return the partitions whose value has not changed for `seconds`."""
        return [partition for partition, since in self.since(values, now).items() if now - since > seconds]
