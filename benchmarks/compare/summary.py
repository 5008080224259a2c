"""The medians of a row's rounds."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.compare.session import Measured


@dataclass(frozen=True)
class Summary:
    """One row of one system: the median of each figure, per unit where it is not a rate or a latency."""

    rounds: int
    rate: float
    slowest_rate: float
    fastest_rate: float
    p50_ms: float | None
    p99_ms: float | None
    cpu_ms: dict[str, float]
    """By role: server, worker, gateway."""
    load_cores: float
    other_cores: float
    bytes_per_unit: float
    events_per_unit: float | None


def summarize(rounds: Sequence[Measured]) -> Summary:
    """The median of each figure, independently of the others."""
    rates = [one.rate for one in rounds]
    return Summary(
        rounds=len(rounds),
        rate=statistics.median(rates),
        slowest_rate=min(rates),
        fastest_rate=max(rates),
        p50_ms=_median(rounds, lambda one: one.p50_ms),
        p99_ms=_median(rounds, lambda one: one.p99_ms),
        cpu_ms={
            role: statistics.median(one.cpu_seconds[role] / one.units * 1e3 for one in rounds)
            for role in rounds[0].cpu_seconds
        },
        load_cores=statistics.median(one.load_cores for one in rounds),
        other_cores=statistics.median(one.other_cores for one in rounds),
        bytes_per_unit=statistics.median(one.bytes_written / one.units for one in rounds),
        events_per_unit=_median(rounds, lambda one: one.events_per_unit),
    )


def _median(rounds: Sequence[Measured], figure: Callable[[Measured], float | None]) -> float | None:
    values = [value for one in rounds if (value := figure(one)) is not None]
    return statistics.median(values) if values else None
