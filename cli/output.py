"""What a command prints: tables and colours for a terminal, JSON for scripts."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

STYLES = {
    "COMPLETED": "green",
    "DONE": "green",
    "RUNNING": "cyan",
    "SCHEDULED": "blue",
    "PAUSED": "yellow",
    "FAILED": "red",
    "TIMED_OUT": "red",
    "CANCELLED": "yellow",
    "TERMINATED": "yellow",
}


class Output:
    """Prints in one of the two ways. Notes go to stderr, so that `--json` can be read by a program."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._out = Console(soft_wrap=as_json, highlight=False)
        self._notes = Console(stderr=True, highlight=False)

    def value(self, value: Any) -> None:
        """A whole answer."""
        if self.as_json:
            self._out.print(json.dumps(value, ensure_ascii=False), markup=False)
        else:
            self._out.print_json(json.dumps(value, ensure_ascii=False))

    def line(self, value: Any, shown: str) -> None:
        """One event or result: `value` for programs, `shown` for people."""
        self._out.print(json.dumps(value, ensure_ascii=False) if self.as_json else shown, markup=False, soft_wrap=True)

    def table(self, items: Sequence[Any], columns: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> None:
        """`items` for programs; for people a row of each, or `empty`."""
        if self.as_json:
            self.value(items)
        elif not items:
            self._out.print(empty, markup=False)
        else:
            table = Table(*columns, box=None, pad_edge=False, header_style="bold")
            for row in rows:
                table.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
            self._out.print(table)

    def note(self, text: str) -> None:
        self._notes.print(text, markup=False)


def ago(time: str | None) -> str:
    """`3 min ago`, of an ISO time; `in 2 h` of one to come."""
    if time is None:
        return ""
    seconds = (datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds()
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if abs(seconds) >= size:
            return _in_time(f"{abs(seconds) / size:.0f} {unit}", seconds)
    return _in_time(f"{abs(seconds):.0f} s", seconds)


def _in_time(text: str, seconds: float) -> str:
    return f"{text} ago" if seconds >= 0 else f"in {text}"
