"""`python -m benchmarks rolling`: restart the workers one after the other under load.

The load is `--rate` trips, called tasks and records a second. After `--quiet` seconds the worker processes restart one
after the other, `--rounds` times. Shown are how long each process takes from SIGTERM to its end, and how long the units
take before the restarts and during them. Exit code 1 if a call fails, or a worker must be killed.
"""

import argparse
import asyncio
import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL

from rich.console import Console
from temporalio.client import Client

from benchmarks.harness.options import options_parser, positive
from benchmarks.harness.results import figures_table, open_console, write_json
from benchmarks.harness.stack import BenchmarkStack, benchmark_stack
from benchmarks.harness.topics import make_topic
from benchmarks.rolling.histories import count_lost_tasks
from benchmarks.rolling.load import KINDS, PARTITIONS, TRIP, Load, Unit
from devstack.child import Log

MAX_WAIT_SECONDS = 120
"""For the outcome of a call."""
SETTINGS = {"SIMULATED_WORK": "PT0.02S", "MAX_WAIT": f"PT{MAX_WAIT_SECONDS}S"}
FAILURES_SHOWN = 10
DATA = Path("data")


@dataclass
class Outcome:
    """`quiet_seconds`: units sent before this are from before the restarts."""

    quiet_seconds: float
    units: list[Unit] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    stops: list[float] = field(default_factory=list)
    """Seconds from SIGTERM to the end of a worker process."""
    lost: Counter[str] = field(default_factory=Counter)

    def seconds(self, kind: str, *, restarting: bool) -> list[float]:
        """How long the units took, shortest first."""
        return sorted(
            each.seconds
            for each in self.units
            if each.kind == kind and (each.sent_at >= self.quiet_seconds) is restarting
        )


def main(arguments: list[str]) -> int:
    """Return the exit code."""
    options = _parser().parse_args(arguments)
    console = open_console()
    options.log.parent.mkdir(parents=True, exist_ok=True)
    with options.log.open("w") as log:
        logging.basicConfig(stream=log)
        outcome = asyncio.run(_run(options, lambda name, line: print(f"{time.time():.3f}", name, line, file=log)))
    _show(outcome, console)
    write_json(options.json, _figures(outcome))
    return 1 if outcome.failures else 0


async def _run(options: argparse.Namespace, log: Log) -> Outcome:
    settings = {**SETTINGS, "GRACEFUL_SHUTDOWN": f"{options.graceful}s"}
    async with benchmark_stack(settings, 2 * MAX_WAIT_SECONDS, options.workers, log) as bench:
        client = await Client.connect(bench.temporal_address, data_converter=bench.stack.converter)
        load = Load(bench.http, bench.bootstrap, options.rate, options.keys)
        await make_topic(bench.bootstrap, load.topic, PARTITIONS)
        outcome = Outcome(options.quiet, load.units, load.failures)
        consumers = {"consumers": options.workers}
        async with bench.subscription(load.topic, "PackageTracker/updateLocation", consumers):
            stop = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                group.create_task(load.run(stop))
                await asyncio.sleep(options.quiet)
                await _restart(bench, outcome, options)
                stop.set()
            await load.add_records(client)
        trips = [unit.name for unit in load.units if unit.kind == TRIP]
        outcome.lost = await count_lost_tasks(client, trips)
    return outcome


async def _restart(bench: BenchmarkStack, outcome: Outcome, options: argparse.Namespace) -> None:
    names = [name for name in bench.stack.processes.pids() if name.startswith("workers")]
    for name in names * options.rounds:
        began = time.monotonic()
        exit_code = await bench.stack.processes.stop(name)
        outcome.stops.append(time.monotonic() - began)
        if exit_code == -SIGKILL:
            outcome.failures.append(f"{name} had to be killed")
        await bench.stack.processes.start(name)
        await asyncio.sleep(options.pause)


def _show(outcome: Outcome, console: Console) -> None:
    columns = ("", "units", "p50 ms", "p99 ms", "slowest ms", "units", "p50 ms", "p99 ms", "slowest ms")
    table = figures_table("before the restarts, and during them", columns)
    for kind in KINDS:
        table.add_row(
            kind, *_row(outcome.seconds(kind, restarting=False)), *_row(outcome.seconds(kind, restarting=True))
        )
    console.print(table)
    console.print(f"from SIGTERM to the end, in s: {', '.join(f'{each:.1f}' for each in outcome.stops)}")
    console.print(f"trips: {', '.join(f'{count} {what}' for what, count in outcome.lost.items()) or 'no task lost'}")
    for failure in outcome.failures[:FAILURES_SHOWN]:
        console.print(failure, style="red")


def _row(seconds: Sequence[float]) -> list[str]:
    if not seconds:
        return ["0", "", "", ""]
    at = [seconds[len(seconds) // 2], seconds[len(seconds) * 99 // 100], seconds[-1]]
    return [f"{len(seconds):,}", *(f"{each * 1000:,.0f}" for each in at)]


def _figures(outcome: Outcome) -> dict[str, object]:
    slowest = sorted(outcome.units, key=lambda unit: unit.seconds, reverse=True)[:20]
    return {
        "stops": outcome.stops,
        "lost": outcome.lost,
        "failures": outcome.failures,
        "slowest": [vars(unit) for unit in slowest],
        "units": {kind: len([unit for unit in outcome.units if unit.kind == kind]) for kind in KINDS},
    }


def _parser() -> argparse.ArgumentParser:
    parser = options_parser("rolling", f"{__doc__}")
    add = parser.add_argument
    add("--rate", type=positive, default=10, help="trips, called tasks and records per second, of each")
    add("--keys", type=positive, default=10, help="packages that get the records")
    add("--workers", type=positive, default=2, help="worker processes")
    add("--rounds", type=positive, default=2, help="how often each worker process restarts")
    add("--quiet", type=positive, default=15, help="seconds before the first restart")
    add("--pause", type=positive, default=5, help="seconds between two restarts")
    add("--graceful", type=positive, default=20, help="GRACEFUL_SHUTDOWN, in seconds")
    add("--json", type=Path, default=DATA / "rolling.json", help="file for the figures")
    add("--log", type=Path, default=DATA / "rolling.log", help="file for what the servers log")
    return parser
