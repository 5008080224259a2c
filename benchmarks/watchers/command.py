"""`python -m benchmarks watchers`: what live events cost, by watchers and keys.

Packages are watched while each gets a location every `--every` seconds. The same keys are measured without a watcher,
with one, and with many: what the watchers add is the difference. Exit code 1 if a watcher misses the last state, or if
its stream ends.
"""

import argparse
import asyncio
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from benchmarks.harness.options import options_parser, positive
from benchmarks.harness.results import figures_table, open_console, write_json
from benchmarks.harness.stack import BenchmarkStack, benchmark_stack
from benchmarks.harness.waiting import comes_true
from benchmarks.watchers.streams import Streams

DATA = Path("data")
_PERCENT = 100
_SPARE = 500
"""Connections beside those of the watchers."""
_PROCESSES = ("gateway", "temporal", "workers")


@dataclass(frozen=True)
class Watched:
    """So many keys, each with so many watchers, and the share of a core that each process used."""

    keys: int
    watchers: int
    events: int
    missed: int
    """Watchers without the last state, or whose stream has ended."""
    percent: dict[str, float]


def main(arguments: list[str]) -> int:
    """Return the exit code."""
    options = _parser().parse_args(arguments)
    shapes = [(1, 0), (1, 1), (1, options.one), (options.keys, 0), (options.keys, 1), (options.keys, options.each)]
    measured = asyncio.run(_run(list(dict.fromkeys(shapes)), options, open_console()))
    write_json(options.json, [asdict(each) for each in measured])
    return 1 if any(each.missed for each in measured) else 0


async def _run(shapes: Sequence[tuple[int, int]], options: argparse.Namespace, console: Console) -> list[Watched]:
    most = max(keys * watchers for keys, watchers in shapes) + _SPARE
    limits = ("MAX_CONNECTIONS", "MAX_WAITING")
    async with benchmark_stack({name: str(most) for name in limits}, timeout_seconds=300) as bench:
        measured = []
        for keys, watchers in shapes:
            measured.append(await _measure(bench, keys, watchers, options))
            console.print(f"{keys:,} keys, {watchers:,} watchers of each: {measured[-1].events:,} events")
    _show(measured, console)
    return measured


async def _measure(bench: BenchmarkStack, keys: int, watchers: int, options: argparse.Namespace) -> Watched:
    packages = [uuid.uuid4().hex for _ in range(keys)]
    await asyncio.gather(*map(bench.register_package, packages))
    streams = Streams(bench.stack.gateway_url)
    paths = [f"/PackageTracker/{package}/events" for package in packages for _ in range(watchers)]
    async with streams.watching(paths):
        before, began, first = bench.usage(), time.perf_counter(), streams.events
        for number in range(options.changes):
            await _move(bench, packages, f"Stop {number}")
            await asyncio.sleep(options.every)
        seconds, after = time.perf_counter() - began, bench.usage()
        events = streams.events - first
        last = f"Stop {options.changes - 1}".encode()

        async def all_have_it() -> bool:
            return streams.having(last) == len(paths)

        is_complete = await comes_true(all_have_it) if paths else True
        missed = streams.ended + (0 if is_complete else len(paths) - streams.having(last))
    percent = {name: after.cpu_since(before, name) / seconds * _PERCENT for name in _PROCESSES}
    return Watched(keys, watchers, events, missed, percent)


async def _move(bench: BenchmarkStack, packages: Sequence[str], location: str) -> None:
    """Send each package a location; the times are the same, so that the last one sent is the last one listed."""
    body = {"timestamp": "2024-01-01 00:00", "location": location}

    async def send(package: str) -> None:
        (await bench.http.post(f"/PackageTracker/{package}/updateLocation/send", json=body)).raise_for_status()

    await asyncio.gather(*map(send, packages))


def _show(measured: Sequence[Watched], console: Console) -> None:
    columns = ("keys", "watchers of each", "events", *(f"{name} %" for name in _PROCESSES), "more than without, %")
    table = figures_table("Shares of a core", columns, text=())
    without = {each.keys: sum(each.percent.values()) for each in measured if not each.watchers}
    for each in measured:
        more = sum(each.percent.values()) - without[each.keys]
        shares = (f"{each.percent[name]:.1f}" for name in _PROCESSES)
        table.add_row(f"{each.keys:,}", f"{each.watchers:,}", f"{each.events:,}", *shares, f"{more:.1f}")
        if each.missed:
            console.print(f"{each.missed:,} watchers of {each.keys:,} keys missed the end", style="red")
    console.print(table)


def _parser() -> argparse.ArgumentParser:
    parser = options_parser("watchers", f"{__doc__}")
    add = parser.add_argument
    add("--one", type=positive, default=1_000, help="watchers of one key")
    add("--keys", type=positive, default=100, help="keys that are watched together")
    add("--each", type=positive, default=100, help="watchers of each of these keys")
    add("--every", type=positive, default=2, help="seconds between two changes of a key")
    add("--changes", type=positive, default=15, help="changes of each key")
    add("--json", type=Path, default=DATA / "watchers.json", help="file for the figures")
    return parser
