"""One measurement: run a load on a system that has nothing else to do, and see what it took."""

import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.generator import Generator
from benchmarks.jobs import Answer
from benchmarks.processes import busy_seconds
from benchmarks.system import System


class WrongResult(Exception):
    """A system did not do what the row asks for."""


@dataclass
class Measured:
    """What one row gave in one round. CPU is in seconds, of all units together."""

    units: int
    seconds: float
    p50_ms: float | None
    p99_ms: float | None
    cpu_seconds: dict[str, float]
    load_cores: float
    """What the load generator used, in cores."""
    other_cores: float
    """What was used by anything but the system and the load generator, from rest to rest."""
    bytes_written: int
    events_per_unit: float | None = None
    samples: int = 0

    @property
    def rate(self) -> float:
        return self.units / self.seconds


@dataclass
class Session:
    """A system that runs, the load generator, and how long a row may load it."""

    system: System
    generator: Generator
    seconds: float
    by_sdk: bool = False
    """Make the calls with a bare Temporal client instead of over HTTP."""
    topics: dict[str, str] = field(default_factory=dict)
    """Topics that are subscribed to, by sink."""

    @property
    def name(self) -> str:
        return "sdk" if self.by_sdk else self.system.name

    async def measure(
        self, load: Callable[[], Awaitable[Answer]], *, units_per_call: int = 1, until_rest: bool = False
    ) -> Measured:
        """Measure from rest to rest, so that CPU and bytes are those of everything the load has caused.

        The time is the load's own, or with `until_rest` until everything is done. Raises `WrongResult`.
        """
        system = self.system
        await system.rest()
        cpu, busy, written = system.cpu(), busy_seconds(), system.bytes_on_disk()
        began = time.perf_counter()
        answer = await load()
        rest_began = await system.rest()
        elapsed, busy = time.perf_counter() - began, busy_seconds() - busy
        used = {role: seconds - cpu[role] for role, seconds in system.cpu().items()}
        if answer.wrong or not answer.units:
            raise WrongResult(f"{answer.wrong} wrong answers, {answer.units} right: {answer.first_wrong}")
        p50, p99 = percentiles(answer.latencies_ms)
        return Measured(
            units=answer.units * units_per_call,
            seconds=max(answer.seconds, rest_began - began) if until_rest else answer.seconds,
            p50_ms=p50,
            p99_ms=p99,
            cpu_seconds=used,
            load_cores=answer.cpu_seconds / answer.seconds,
            other_cores=max(0.0, busy - sum(used.values()) - answer.cpu_seconds) / elapsed,
            bytes_written=system.bytes_on_disk() - written,
            samples=len(answer.latencies_ms),
        )

    def expect(self, what: str, count: int, query: str, *parameters: Any) -> None:
        """Compare with the simulated systems' database. Raises `WrongResult`."""
        found = self.system.count(query, *parameters)
        if found != count:
            raise WrongResult(f"{what}: {found} instead of {count}")


def percentiles(values: list[float]) -> tuple[float | None, float | None]:
    """The median and the 99th percentile, the latter by interpolation."""
    if not values:
        return None, None
    if len(values) == 1:
        return values[0], values[0]
    return statistics.median(values), statistics.quantiles(values, n=100, method="inclusive")[98]
