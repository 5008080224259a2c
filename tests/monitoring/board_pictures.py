"""`python -m tests.monitoring.board_pictures`: write a picture of each board, with data in it, to docs/monitoring.

It runs a stack under some load and lets things go wrong on it, while Prometheus reads its metrics. Then it runs the
queries of each board's file, and draws what they find. Needs `prometheus` and `chromium`.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.console.visitor import chromium, running_chromium
from tests.monitoring.board_reading import FoundBoard, Span, read_board
from tests.monitoring.drawing import page
from tests.monitoring.incidents import watched_stack
from tests.monitoring.prometheus import running_prometheus
from tests.monitoring.rules import ROOT
from tests.monitoring.traffic import Traffic
from tests.production.outside import running_outside
from tools.boards.__main__ import FOLDER

PICTURES = ROOT / "docs/monitoring"
SCRAPE_SECONDS = 5
"""In production 15; here the whole takes minutes, not an hour."""
SETTINGS = {"MAX_WAITING": "1000", "MODERATION_POLL_INTERVAL": "PT1S", "MODERATION_GIVE_UP_AFTER": "PT10S"}
"""Posts with the word `slow` are pending for longer than that, and go to a person."""
NOTE = (
    "Drawn by python -m tests.monitoring.board_pictures from the queries of {file}, and not by Grafana: "
    "a stack on one machine under some load, on which things are made to go wrong."
)


def main(arguments: Sequence[str]) -> int:
    """Return 1 if a graph shows nothing."""
    parser = argparse.ArgumentParser("python -m tests.monitoring.board_pictures", description=f"{__doc__}")
    parser.add_argument("--minutes", type=float, default=6, help="how long the load lasts")
    parser.add_argument("--log", type=Path, help="folder that keeps what the processes say")
    options = parser.parse_args(arguments)
    boards = asyncio.run(_record(options.minutes * 60, options.log))
    PICTURES.mkdir(exist_ok=True)
    asyncio.run(draw(boards, PICTURES))
    empty = [f"{board.name}: {title}" for board in boards for title in board.without_lines]
    sys.stdout.write("".join(f"shows nothing: {each}\n" for each in empty))
    return 1 if empty else 0


async def _record(seconds: float, log: Path | None) -> list[FoundBoard]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = log or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        async with (
            running_outside() as outside,
            watched_stack(folder, {**SETTINGS, **outside.settings}) as watched,
            running_prometheus(folder, watched.targets, SCRAPE_SECONDS) as prometheus,
        ):
            began = time.time()
            await Traffic(watched, seconds).run()
            span = Span(began, time.time())
            return [await read_board(name, each, prometheus, span, SCRAPE_SECONDS) for name, each in _documents()]


def _documents() -> Iterator[tuple[str, dict[str, Any]]]:
    """The boards' files, by name."""
    for file in sorted(FOLDER.iterdir()):
        yield file.stem, json.loads(file.read_text())


async def draw(boards: Sequence[FoundBoard], folder: Path) -> None:
    program = chromium()
    assert program, "chromium is missing: apt-get install chromium, or set CHROMIUM"
    async with running_chromium(program) as browser:
        window = await browser.new_page(viewport={"width": 1672, "height": 600})
        for board in boards:
            await window.set_content(page(board, NOTE.format(file=f"deploy/monitoring/dashboards/{board.name}.json")))
            await window.screenshot(path=folder / f"{board.name}.png", full_page=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
