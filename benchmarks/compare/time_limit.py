"""An end for the whole comparison."""

import asyncio
import math
import time
from collections.abc import Sequence

from benchmarks.compare.rows.row import Row

_START_SECONDS = 12
"""What a system needs to start and to stop."""
_ROW_SECONDS = 6
"""What a row needs beside its load: waiting until the system is idle, joining a consumer group, checking. It is the
mean: the user feed of a slow system takes half a minute."""
_LOADS_PER_ROW = 3
"""How many times a row's time it takes: a warm-up, the load, and for records the smaller numbers before."""


class NoTimeLeft(Exception):
    """The comparison has to end: give it more minutes, or fewer rows and systems."""

    def __init__(self) -> None:
        super().__init__("not measured: raise --minutes, or name fewer --rows or --systems")


class Time:
    """Runs from when it is made."""

    def __init__(self, minutes: float | None) -> None:
        self._began = time.monotonic()
        self._end = math.inf if minutes is None else self._began + minutes * 60

    def allows_round(self, number: int) -> bool:
        """The first round always begins; each next one if it fits, should it take as long as those before."""
        now = time.monotonic()
        taken = (now - self._began) / (number - 1) if number > 1 else 0
        return now + taken <= self._end

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._end

    def block(self) -> asyncio.Timeout:
        """A block that must end in time; otherwise it raises `TimeoutError`."""
        left = self._end - time.monotonic()
        return asyncio.timeout(None if math.isinf(left) else max(0, left))


def seconds_for(minutes: float, rows: Sequence[Row], systems: Sequence[str]) -> float:
    """For how long each row may load each system, so that one round takes about so many minutes."""
    measured = sum(_is_measured(row, system) for row in rows for system in systems)
    left = minutes * 60 - _START_SECONDS * len(systems) - _ROW_SECONDS * measured
    return left / max(1, _LOADS_PER_ROW * measured)


def _is_measured(row: Row, system: str) -> bool:
    return row.by_temporal_client if system == "sdk" else system not in row.not_measured
