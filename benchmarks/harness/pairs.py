"""Two stacks that differ in one setting, under the same loads in turn: what the setting costs."""

import argparse
import statistics
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue
from rich.console import Console
from rich.table import Table

from benchmarks.harness.bodies import GOOD_CARD, TASK, trip
from benchmarks.harness.in_flight import call_for_each
from benchmarks.harness.options import positive
from benchmarks.harness.results import figures_table
from benchmarks.harness.stack import BenchmarkStack
from benchmarks.kafka.topic_to_state import ingest, new_topic

SETTINGS = {"SIMULATED_WORK": "PT0S"}
_CONCURRENCY = 20
_OURS = ("gateway", "workers")
_UNIT_MS = 1_000


@dataclass(frozen=True)
class Measured:
    """One load on one stack."""

    units: int
    seconds: float
    cpu_seconds: float

    @property
    def rate(self) -> float:
        return self.units / self.seconds

    @property
    def cpu_ms(self) -> float:
        """CPU time of gateway and workers per unit."""
        return self.cpu_seconds / self.units * _UNIT_MS


Load = Callable[[BenchmarkStack], Awaitable[int]]
"""Puts a load on a stack until all of it is done, and returns how many units it was."""
Stacks = Mapping[str, BenchmarkStack]
"""Two, by what they are called: first the one without the setting."""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--calls", type=positive, default=400, help="trips and tasks in one round")
    parser.add_argument("--records", type=positive, default=10_000, help="records from Kafka in one round")
    parser.add_argument("--rounds", type=positive, default=5, help="pairs of runs, one on each stack")


async def compare(stacks: Stacks, options: argparse.Namespace, console: Console) -> None:
    """Print throughput, CPU and their ratios."""
    loads: dict[str, Load] = {
        "trips": lambda bench: _calls(bench, options.calls, "/BookingWorkflow/{key}/run", trip(GOOD_CARD)),
        "tasks": lambda bench: _calls(bench, options.calls, "/AsyncTaskWorker/runTask", TASK),
        "records from Kafka": lambda bench: _records(bench, options.records),
    }
    rows = {}
    for name, load in loads.items():
        for bench in stacks.values():
            await _measure(load, bench)  # warm-up
        rows[name] = [await _pair(load, list(stacks.values()), number) for number in range(options.rounds)]
        console.print(f"{name}: {options.rounds} rounds")
    console.print(_table(rows, list(stacks)))


async def _pair(load: Load, benches: Sequence[BenchmarkStack], number: int) -> tuple[Measured, Measured]:
    """The first stack first in one round, second in the next: what runs second may find a warmer machine."""
    first, second = benches
    if number % 2:
        measured = await _measure(load, second)
        return await _measure(load, first), measured
    return await _measure(load, first), await _measure(load, second)


async def _measure(load: Load, bench: BenchmarkStack) -> Measured:
    before, began = bench.usage(), time.perf_counter()
    units = await load(bench)
    seconds, after = time.perf_counter() - began, bench.usage()
    return Measured(units, seconds, sum(after.cpu_since(before, name) for name in _OURS))


async def _calls(bench: BenchmarkStack, count: int, path: str, body: JsonValue) -> int:
    run = uuid.uuid4().hex[:8]

    async def call(number: int) -> None:
        answer = await bench.http.post(path.format(key=f"{run}-{number}"), json=body)
        answer.raise_for_status()

    await call_for_each(range(count), _CONCURRENCY, call)
    return count


async def _records(bench: BenchmarkStack, count: int) -> int:
    await ingest(bench, "records", await new_topic(bench, count, keys=50, partitions=4))
    return count


def _table(rows: Mapping[str, Sequence[tuple[Measured, Measured]]], names: Sequence[str]) -> Table:
    without, with_it = names
    columns = ("", f"{without} /s", f"{with_it} /s", "ratio", f"{without} CPU ms", f"{with_it} CPU ms", "ratio")
    table = figures_table("Medians; the ratios are medians of each round's; CPU of gateway and workers", columns)
    for name, pairs in rows.items():
        table.add_row(
            name,
            *(f"{statistics.median(pair[which].rate for pair in pairs):,.0f}" for which in (0, 1)),
            f"{statistics.median(second.rate / first.rate for first, second in pairs):.2f}",
            *(f"{statistics.median(pair[which].cpu_ms for pair in pairs):,.2f}" for which in (0, 1)),
            f"{statistics.median(second.cpu_ms / first.cpu_ms for first, second in pairs):.2f}",
        )
    return table
