"""`python -m benchmarks growth`: what a unit costs after 1, 10 and 100 times as many, and with more workers.

Each series of calls runs on a stack of its own, through the gateway. The cost is CPU, which waiting does not change; a
cost that grows with what is done already would rise from block to block. Every answer is checked.
"""

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.growth.picture import draw
from benchmarks.growth.series import SERIES, Block, measure_series, measure_workers
from benchmarks.harness.options import options_parser
from benchmarks.harness.results import figures_table, open_console, write_json

DATA = Path("data")


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    console = open_console()
    blocks = asyncio.run(_measure_all(options.scale, console))
    console.print(_table(blocks))
    write_json(options.json, [asdict(block) for block in blocks])
    draw([block for block in blocks if block.series in {series.title for series in SERIES}], options.svg)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = options_parser("growth", f"{__doc__}")
    parser.add_argument("--scale", type=float, default=1.0, help="of how many units each series has")
    parser.add_argument("--json", type=Path, default=DATA / "growth.json", help="file for the figures")
    parser.add_argument("--svg", type=Path, default=DATA / "growth.svg", help="file for the picture")
    return parser


async def _measure_all(scale: float, console: Console) -> list[Block]:
    """The blocks of each series, then the first series with 1, 2 and 4 worker processes."""
    blocks = []

    def add(block: Block) -> None:
        blocks.append(block)
        console.print(
            f"{block.series}: {block.units:,} after {block.done:,}, workers {block.worker_processes}:"
            f" {block.cpu_ms:.1f} ms"
        )

    for series in SERIES:
        await measure_series(series, scale, add)
    await measure_workers(SERIES[0], scale, add)
    return blocks


def _table(blocks: Sequence[Block]) -> Table:
    columns = ("", "done before", "units", "workers", "units/s", "server ms", "worker ms", "gateway ms", "of the first")
    table = figures_table("CPU of a unit, by what is done already and by worker processes", columns)
    first = {block.series: block for block in reversed(blocks)}
    for block in blocks:
        table.add_row(
            block.series,
            f"{block.done:,}",
            f"{block.units:,}",
            f"{block.worker_processes}",
            f"{block.rate:,.0f}",
            f"{block.server_ms:.1f}",
            f"{block.worker_ms:.1f}",
            f"{block.gateway_ms:.1f}",
            f"{block.cpu_ms / first[block.series].cpu_ms:.2f}",
        )
    return table
