"""How results are shown and kept."""

import json
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

WIDTH = 150
"""Columns of a table in a file or a pipe; in a terminal it is the terminal's width."""


def open_console() -> Console:
    return Console(width=None if sys.stdout.isatty() else WIDTH)


def figures_table(title: str, columns: Sequence[str], text: Collection[str] = ("",)) -> Table:
    """A table whose columns hold figures, which go to the right, but for those named in `text`."""
    table = Table(title=title)
    for column in columns:
        table.add_column(column, justify="left" if column in text else "right")
    return table


def write_json(path: Path, figures: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=1) + "\n")
