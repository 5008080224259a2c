"""Write the tables of measured figures into README.md, benchmarks/README.md and docs/choose.md: `make env`.

They are of one run of the comparison, whose report is docs/benchmark.json.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from benchmarks.compare.systems.system import OURS

ROOT = Path(__file__).parents[2]
REPORT = ROOT / "docs/benchmark.json"
COLUMNS = {
    "ours": "ours",
    "ours-economy": "ours, local steps",
    "restate": "Restate",
    "dbos": "DBOS, SQLite",
    "dbos-postgres": "DBOS, PostgreSQL",
    "naive": "naive Temporal",
}
PEERS = ("restate", "dbos", "dbos-postgres")
"""What a team would take instead. The naive Temporal is a measure for ours, no peer."""
DASH = "-"
UNITS = {
    "saga-failure": "trip with three compensations",
    "queue-call": "called task",
    "payment-reminder": "event to reminder",
    "state-read": "state read",
    "kafka-50-keys": "record, 50 keys",
    "user-feed": "post, 20 per user",
    "fan-out-1000": "subtask of 1,000",
}
"""What docs/sizing.md calculates with."""
WITHOUT_GATEWAY = {"kafka-50-keys", "user-feed", "fan-out-1000"}
"""Here the gateway has no part, or one in a thousand units: what it uses while idle is not theirs."""


@dataclass(frozen=True)
class Row:
    """One row of the report. Figures are by system: units per second, or milliseconds if it is compared by latency."""

    name: str
    title: str
    unit: str
    by_latency: bool
    medians: Mapping[str, Mapping[str, Any]]
    not_measured: Mapping[str, str]

    @classmethod
    def read(cls, name: str, raw: Mapping[str, Any]) -> Self:
        medians = {system: measured["median"] for system, measured in raw["systems"].items()}
        return cls(name, raw["title"], raw["unit"], raw["by_latency"], medians, raw["not_measured"])

    def figure(self, system: str) -> float | None:
        median = self.medians.get(system)
        return None if median is None else median["p50_ms" if self.by_latency else "rate"]

    def speed(self, system: str) -> float | None:
        """More is faster, also where latencies are compared."""
        figure = self.figure(system)
        return 1 / figure if figure and self.by_latency else figure

    def best(self, systems: Sequence[str]) -> tuple[str, float] | None:
        speeds = {system: speed for system in systems if (speed := self.speed(system))}
        return max(speeds.items(), key=lambda each: each[1]) if speeds else None

    @property
    def ours_is(self) -> float | None:
        """How many times as fast the faster of ours is as the fastest peer."""
        ours, peer = self.best(OURS), self.best(PEERS)
        return ours[1] / peer[1] if ours and peer else None


def report() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(REPORT.read_text())
    return loaded


def rows(raw: Mapping[str, Any]) -> list[Row]:
    """Those that ours loses first."""
    read = [Row.read(name, row) for name, row in raw["rows"].items()]
    return sorted(read, key=lambda row: row.ours_is if row.ours_is is not None else 0)


def results(raw: Mapping[str, Any]) -> list[str]:
    lines = [_line(["", *COLUMNS.values(), "ours is"]), _rule(len(COLUMNS) + 2)]
    for row in rows(raw):
        ratio = DASH if row.ours_is is None else f"{number(row.ours_is)} x"
        lines.append(_line([row.title, *(_shown(row, system) for system in COLUMNS), ratio]))
    return lines


def not_measured(raw: Mapping[str, Any]) -> list[str]:
    """Why there is a dash. Systems that miss the same rows for the same reason share a line."""
    rows_by_system: dict[tuple[str, str], list[str]] = {}
    for name, row in raw["rows"].items():
        for system in (system for system in COLUMNS if system not in row["systems"]):
            reason = row["not_measured"].get(system) or _what_went_wrong(raw, name, system)
            rows_by_system.setdefault((system, reason), []).append(f"`{name}`")
    systems_by_rows: dict[tuple[str, str], list[str]] = {}
    for (system, reason), names in rows_by_system.items():
        systems_by_rows.setdefault((", ".join(names), reason), []).append(f"`{system}`")
    lines = [_line(["system", "not measured in", "because"]), _rule(3)]
    return [
        *lines,
        *(_line([", ".join(systems), names, reason]) for (names, reason), systems in systems_by_rows.items()),
    ]


def _what_went_wrong(raw: Mapping[str, Any], row: str, system: str) -> str:
    failed = any(failure.startswith(f"{row}, {system}: ") for failure in raw["failures"])
    return "a wrong result, or none in time" if failed else "not in this run"


def cpu(raw: Mapping[str, Any]) -> list[str]:
    """Milliseconds of CPU per unit."""
    lines = ["| unit | server | worker | gateway | Restate: server | worker | DBOS, PostgreSQL: server | worker |"]
    lines.append(_rule(8))
    for name, unit in UNITS.items():
        medians = Row.read(name, raw["rows"][name]).medians
        ours, restate, dbos = (
            medians.get(system, {}).get("cpu_ms", {}) for system in ("ours", "restate", "dbos-postgres")
        )
        gateway = 0 if name in WITHOUT_GATEWAY else ours.get("gateway")
        figures = [ours.get("server"), ours.get("worker"), gateway]
        figures += [peer.get(role) for peer in (restate, dbos) for role in ("server", "worker")]
        lines.append(_line([unit, *(DASH if figure is None else number(figure) for figure in figures)]))
    return lines


def ranking(raw: Mapping[str, Any]) -> list[str]:
    """Who is fastest at each row, and how fast the others are, as a share of it."""
    lines = [_line(["", "fastest", "the others, as a share of it"]), _rule(3)]
    for row in rows(raw):
        first = row.best((*OURS, *PEERS))
        if first is None:
            continue
        others = {system: speed / first[1] for system in (*OURS, *PEERS) if (speed := row.speed(system))}
        del others[first[0]]
        ordered = sorted(others.items(), key=lambda each: -each[1])
        shares = ", ".join(
            f"{COLUMNS[system]} {number(share)}".replace("ours, ", "ours with ") for system, share in ordered
        )
        lines.append(_line([row.title, COLUMNS[first[0]], shares]))
    return lines


TABLES = {
    "README.md": [results],
    "benchmarks/README.md": [results, cpu, not_measured],
    "docs/choose.md": [ranking],
}


def text(page: str, raw: Mapping[str, Any]) -> str:
    """The whole page, with its tables as they must be. A table ends at the first empty line."""
    whole = (ROOT / page).read_text()
    for table in TABLES[page]:
        lines = table(raw)
        before, head, rest = whole.partition(lines[0] + "\n")
        if not head:
            raise ValueError(f"{page} has no line {lines[0]}")
        whole = before + "\n".join(lines) + "\n\n" + rest.partition("\n\n")[2]
    return whole


def write() -> None:
    raw = report()
    for page in TABLES:
        (ROOT / page).write_text(text(page, raw))


def number(value: float) -> str:
    """With two significant digits, and all those before the point."""
    for least, digits in ((10, 0), (1, 1), (0.1, 2)):
        if value >= least:
            return f"{value:,.{digits}f}"
    return f"{value:.2g}"


def _shown(row: Row, system: str) -> str:
    figure = row.figure(system)
    if figure is None:
        return DASH
    return f"{number(figure)} ms" if row.by_latency else f"{number(figure)}/s"


def _rule(columns: int) -> str:
    return "|" + "---|" * columns


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |" if cells[0] else f"| | {' | '.join(cells[1:])} |"


if __name__ == "__main__":
    write()
