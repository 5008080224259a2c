"""What the supervisor prints: the log of its processes, and where to find what runs."""

import contextlib
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from devstack.stack import Stack

_COLOURS = {"temporal": "magenta", "broker": "yellow", "migrate": "white", "workers": "cyan", "gateway": "green"}
_NAME_WIDTH = max(map(len, _COLOURS))

ABOUT_THE_BROKER = (
    "The embedded broker keeps its records in memory and is no Apache Kafka: it has no transactions, so the records of "
    "aborted ones are delivered; kcat 1.7.1 cannot talk to it; a consumer group takes 23 s to start. "
    'With a Kafka of yours: make up BROKER=none KAFKA_CLUSTERS=\'{"my-cluster": "localhost:19092"}\''
)
WITHOUT_CONSOLE = "off (CONSOLE): the API documentation sends requests, ./patterns shows what becomes of them"


class Screen:
    """Writes to `out`: in colour on a terminal, plain elsewhere."""

    def __init__(self, out: TextIO) -> None:
        self._console = Console(file=out, highlight=False, soft_wrap=True)

    def log(self, name: str, line: str) -> None:
        """Print one line of a process's output."""
        prefix = Text(f"{name:<{_NAME_WIDTH}} | ", style=_COLOURS.get(name, ""))
        with contextlib.suppress(OSError):  # the reader of the output is gone; the stack keeps running
            self._console.print(prefix + Text(line))

    def show(self, stack: Stack) -> None:
        """Print what runs where."""
        first = ": open its console" if stack.console_url else ""
        table = Table(title=f"The stack is up{first}. Ctrl-C stops it.", show_header=False, title_justify="left")
        for what, where in (
            ("Console", stack.console_url or WITHOUT_CONSOLE),
            ("Gateway", stack.gateway_url),
            ("API documentation", f"{stack.gateway_url}/docs"),
            ("Temporal Web UI", stack.web_ui_url),
            ("Temporal", stack.temporal_address),
            ("Kafka broker", f"{stack.bootstrap} (embedded)" if stack.has_broker else "none: see KAFKA_CLUSTERS"),
            ("Database", str(stack.data.database)),
            ("Data folder", str(stack.data.path)),
        ):
            table.add_row(what, Text(where, overflow="fold"))
        with contextlib.suppress(OSError):
            self._console.print(table)
            if stack.has_broker:
                self._console.print(ABOUT_THE_BROKER)
