"""Watches a run: what the subscription shows each second, how late records are applied, and figures per minute."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any

import httpx2

from benchmarks.harness.processes import Usage
from benchmarks.steady.delays import Delays
from benchmarks.steady.gateway import Gateway
from benchmarks.steady.offsets import CommittedOffsets
from benchmarks.steady.traffic import Traffic

EVERY_SECONDS = 1.0
MAX_CHANGES = 2_000
"""How many changes are kept; a run that changes more often is wrong already."""
RUNNING = "RUNNING"


@dataclass(frozen=True)
class Change:
    at_seconds: float
    text: str

    def __str__(self) -> str:
        return f"{int(self.at_seconds) // 60:4}:{self.at_seconds % 60:04.1f}  {self.text}"


@dataclass
class Minute:
    """Figures of one minute. Delays are in seconds."""

    produced: int = 0
    """Records written since the beginning, at the minute's end; `finished` likewise."""
    finished: int = 0
    """Records that were delivered or are dead letters, and whose offsets are committed."""
    lag: int = 0
    """The largest difference of the two."""
    delays: list[float] = field(default_factory=list)
    resident_mib: dict[str, float] = field(default_factory=dict)
    """The most memory of each worker process."""
    changes: int = 0
    """How often the subscription showed another status or last error."""
    last_error: str = ""

    def delay(self, percent: int) -> float | None:
        """The percentile of the delays; None if there are fewer than two."""
        return quantiles(self.delays, n=100, method="inclusive")[percent - 1] if len(self.delays) > 1 else None


class Watch:
    """`violations` has each status that a subscription in use must never have."""

    def __init__(
        self,
        gateway: Gateway,
        traffic: Traffic,
        offsets: CommittedOffsets,
        delays: Delays,
        usage: Callable[[], Usage],
    ) -> None:
        self.minutes: list[Minute] = []
        self.changes: list[Change] = []
        self.violations: list[str] = []
        self.shown: dict[str, Any] = {}
        """The subscription's latest view."""
        self._gateway = gateway
        self._traffic = traffic
        self._began = time.monotonic()
        self._offsets = offsets
        self._seen: tuple[str, str] = ("", "")
        self._delays = delays
        self._usage = usage

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._began

    @property
    def finished(self) -> int:
        """Records that were delivered or are dead letters, and whose offsets are committed."""
        return self._offsets.total

    @property
    def lag(self) -> int:
        """Records between the committed offsets and the ends of the partitions, as the subscription shows it; -1
        unless all partitions are shown."""
        partitions = self._partitions()
        return sum(each["lag"] for each in partitions) if len(partitions) == self._traffic.load.partitions else -1

    @property
    def status(self) -> str:
        return self._seen[0]

    def note(self, text: str) -> None:
        if len(self.changes) < MAX_CHANGES:
            self.changes.append(Change(self.seconds, text))

    async def repeat(self, progress: Callable[["Watch"], None]) -> None:
        """Look each second until cancelled. `progress` is called after each look."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._delays.measure())
            while True:
                await asyncio.gather(self.look(), self._offsets.look())
                self._figures()
                progress(self)
                await asyncio.sleep(EVERY_SECONDS)

    async def look(self) -> None:
        """Note the subscription's status and errors if they changed. One that does not run is resumed."""
        try:
            self.shown = await self._gateway.view()
        except httpx2.HTTPError as error:
            self.shown = {}
            reason = str(error).partition("\n")[0] or type(error).__name__
            return self._change("unknown", f"the gateway: {reason}"[:300])
        errors = [self.shown["lastError"], *(each["lastError"] for each in self.shown["consumers"])]
        self._change(self.shown["status"], "; ".join(dict.fromkeys(filter(None, errors)))[:300])
        if self.status != RUNNING:
            self.violations.append(f"the subscription was {self.status} after {self.seconds:.0f} s: {self._seen[1]}")
            await self._gateway.resume()
        return None

    def _change(self, status: str, error: str) -> None:
        if (status, error) != self._seen:
            self.note(f"{status}, last error: {error}" if error else status)
            self._minute().changes += 1
        self._seen = status, error
        self._minute().last_error = error or self._minute().last_error

    def _figures(self) -> None:
        minute = self._minute()
        minute.produced, minute.finished = self._traffic.written, self.finished
        minute.delays += self._delays.seconds
        self._delays.seconds.clear()
        minute.lag = max(minute.lag, minute.produced - minute.finished)
        with suppress(OSError):  # a process that is being restarted
            for name, mib in self._usage().resident_mib.items():
                if name.startswith("workers"):
                    minute.resident_mib[name] = max(minute.resident_mib.get(name, 0.0), mib)

    def _minute(self) -> Minute:
        while len(self.minutes) <= self.seconds // 60:
            self.minutes.append(Minute())
        return self.minutes[-1]

    def _partitions(self) -> list[dict[str, Any]]:
        return [partition for consumer in self.shown.get("consumers", []) for partition in consumer["partitions"]]
