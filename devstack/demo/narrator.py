"""Prints the demo as it happens."""

import json
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

_MAX_JSON_LENGTH = 400


class Narrator:
    """Writes to `out`: in colour on a terminal, plain elsewhere."""

    def __init__(self, out: TextIO) -> None:
        self._console = Console(file=out, highlight=False, soft_wrap=True)

    def say(self, text: str, style: str = "") -> None:
        self._console.print(Text(text, style=style))

    def title(self, text: str) -> None:
        self.say(f"\n{text}", "bold cyan")

    def step(self, text: str) -> None:
        self.say(f"  {text}")

    def action(self, what: str, body: object = None) -> None:
        self.say(f"    > {what}{'' if body is None else '  ' + shown(body)}", "blue")

    def observed(self, what: str) -> None:
        self.say(f"    . {what}", "dim")

    def passed(self, what: str, link: str | None = None) -> None:
        self.say(f"    ✓ {what}", "green")
        if link:
            self.link(link)

    def link(self, url: str) -> None:
        self.say(f"      {url}", "dim")

    def failed(self, what: str) -> None:
        self.say(f"    ✗ {what}", "bold red")

    def summary(self, results: dict[str, tuple[bool, float]]) -> None:
        """Print whether each scene passed, and how many seconds it took."""
        table = Table("Pattern", "Outcome", "Time")
        for title, (passed, seconds) in results.items():
            outcome = Text("passed", "green") if passed else Text("failed", "bold red")
            table.add_row(title, outcome, f"{seconds:.1f} s")
        self._console.print()
        self._console.print(table)


def shown(value: object) -> str:
    """`value` as JSON, cut off where it gets long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_JSON_LENGTH else f"{text[:_MAX_JSON_LENGTH]}..."
