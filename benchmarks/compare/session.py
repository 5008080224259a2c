"""One measurement: run a load on a system that is idle, and see what it took."""

import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.compare.load.generator import Generator
from benchmarks.compare.load.jobs import Report
from benchmarks.compare.systems.system import System
from benchmarks.harness.processes import busy_seconds


class WrongResult(Exception):
    """A system did not do what the row asks for."""


@dataclass
class Measured:
    """One row in one round. CPU is in seconds, of all units together."""

    units: int
    seconds: float
    p50_ms: float | None
    p99_ms: float | None
    cpu_seconds: dict[str, float]
    load_cores: float
    """What the load generator used, in cores."""
    other_cores: float
    """What everything but the system and the load generator used, from idle to idle."""
    bytes_written: int
    events_per_unit: float | None = None
    samples: int = 0
    """Calls of which the latency is known."""

    @property
    def rate(self) -> float:
        """Units per second."""
        return self.units / self.seconds


@dataclass
class Session:
    """A running system, the load generator, and for how long a row loads the system."""

    system: System
    generator: Generator
    seconds: float
    by_temporal_client: bool = False
    """Make the calls with a bare Temporal client instead of over HTTP."""
    topics: dict[str, str] = field(default_factory=dict)
    """Subscribed topics, by sink."""

    @property
    def name(self) -> str:
        return "sdk" if self.by_temporal_client else self.system.name

    async def measure(
        self, load: Callable[[], Awaitable[Report]], *, units_per_call: int = 1, until_idle: bool = False
    ) -> Measured:
        """Measure CPU and bytes from idle to idle, so that they include all that the load has caused.

        The time is the load's own; with `until_idle` it goes on until the system is idle. Raises `WrongResult`.
        """
        system = self.system
        await system.settle()
        cpu, busy, written = system.cpu(), busy_seconds(), system.bytes_on_disk()
        began = time.perf_counter()
        report = await load()
        idle_since = await system.wait_until_idle()
        elapsed, busy = time.perf_counter() - began, busy_seconds() - busy
        used = {role: seconds - cpu[role] for role, seconds in system.cpu().items()}
        if report.wrong or not report.units:
            raise WrongResult(f"{report.wrong} wrong answers, {report.units} right: {report.first_wrong}")
        p50, p99 = percentiles(report.latencies_ms)
        return Measured(
            units=report.units * units_per_call,
            seconds=max(report.seconds, idle_since - began) if until_idle else report.seconds,
            p50_ms=p50,
            p99_ms=p99,
            cpu_seconds=used,
            load_cores=report.cpu_seconds / report.seconds,
            other_cores=max(0.0, busy - sum(used.values()) - report.cpu_seconds) / elapsed,
            bytes_written=system.bytes_on_disk() - written,
            samples=len(report.latencies_ms),
        )

    def expect(self, what: str, count: int, query: str, *parameters: Any) -> None:
        """Compare a count in the simulated systems' database. Raises `WrongResult` if it is another."""
        found = self.system.count(query, *parameters)
        if found != count:
            raise WrongResult(f"{what}: {found} instead of {count}")


def percentiles(values: list[float]) -> tuple[float | None, float | None]:
    """The median and, by interpolation, the 99th percentile."""
    if not values:
        return None, None
    if len(values) == 1:
        return values[0], values[0]
    return statistics.median(values), statistics.quantiles(values, n=100, method="inclusive")[98]
