"""The report of a run: a table of minutes, what changed and when, and what is wrong."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.harness.results import figures_table
from benchmarks.steady.run import Outcome
from benchmarks.steady.watch import Minute

MAX_SHOWN = 100
"""Changes, and violations; the file has all."""
COLUMNS = ("minute", "produced", "finished", "lag", "p50 s", "p99 s", "worker MiB", "changes", "last error")


def show(outcome: Outcome, title: str, console: Console) -> None:
    console.print(_table(outcome, title))
    for change in _first(outcome.changes, "changes"):
        console.print(str(change), markup=False, highlight=False)
    for violation in _first(outcome.violations, "violations"):
        console.print(f"WRONG: {violation}", style="red", markup=False, highlight=False)
    console.print(verdict(outcome))


def verdict(outcome: Outcome) -> str:
    if outcome.violations:
        return f"{len(outcome.violations):,} violations"
    return "every record is applied once, in order" if outcome.is_complete else "ended early: nothing was compared"


def figures(outcome: Outcome) -> dict[str, Any]:
    """The same for a file, with everything."""
    minutes = [
        {**asdict(minute), "delays": None, "p50": minute.delay(50), "p99": minute.delay(99)}
        for minute in outcome.minutes
    ]
    return {
        "complete": outcome.is_complete,
        "violations": outcome.violations,
        "changes": [asdict(change) for change in outcome.changes],
        "minutes": minutes,
    }


def _table(outcome: Outcome, title: str) -> Table:
    table = figures_table(title, COLUMNS, text=("last error",))
    before = Minute()
    for number, minute in enumerate(outcome.minutes, 1):
        table.add_row(
            str(number),
            f"{minute.produced - before.produced:,}",
            f"{minute.finished - before.finished:,}",
            f"{minute.lag:,}",
            *(_seconds(minute.delay(percent)) for percent in (50, 99)),
            " ".join(f"{mib:,.0f}" for mib in minute.resident_mib.values()),
            str(minute.changes),
            minute.last_error[:60],
        )
        before = minute
    return table


def _seconds(delay: float | None) -> str:
    return "" if delay is None else f"{delay:.2f}"


def _first(items: list[Any], what: str) -> Iterator[Any]:
    yield from items[:MAX_SHOWN]
    if len(items) > MAX_SHOWN:
        yield f"and {len(items) - MAX_SHOWN:,} more {what}: see the file"
