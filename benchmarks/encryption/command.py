"""`python -m benchmarks encryption`: what the encryption of payloads costs.

Two stacks run at the same time, one with PAYLOAD_ENCRYPTION=off; each gets the same load in turn. Before that, the
codec alone: what a payload takes on the event loop, as in the stack, and in a thread.
"""

import argparse
import asyncio
import statistics
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from pydantic import JsonValue
from rich.console import Console
from rich.table import Table

from benchmarks.encryption.codec import codec_table
from benchmarks.harness.bodies import GOOD_CARD, TASK, trip
from benchmarks.harness.options import options_parser, positive
from benchmarks.harness.results import figures_table, open_console
from benchmarks.harness.stack import BenchmarkStack, benchmark_stack
from benchmarks.kafka.topic_to_state import ingest, new_topic

SETTINGS = {"SIMULATED_WORK": "PT0S"}
_CONCURRENCY = 20
_OURS = ("gateway", "workers")
"""The processes that encrypt and decrypt."""
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


def main(arguments: list[str]) -> int:
    parser = options_parser("encryption", f"{__doc__}")
    parser.add_argument("--calls", type=positive, default=400, help="trips and tasks in one round")
    parser.add_argument("--records", type=positive, default=10_000, help="records from Kafka in one round")
    parser.add_argument("--rounds", type=positive, default=5, help="pairs of runs, in clear text and encrypted")
    asyncio.run(_run(parser.parse_args(arguments), open_console()))
    return 0


async def _run(options: argparse.Namespace, console: Console) -> None:
    console.print(await codec_table())
    loads: dict[str, Load] = {
        "trips": lambda bench: _calls(bench, options.calls, "/BookingWorkflow/{key}/run", trip(GOOD_CARD)),
        "tasks": lambda bench: _calls(bench, options.calls, "/AsyncTaskWorker/runTask", TASK),
        "records from Kafka": lambda bench: _records(bench, options.records),
    }
    async with AsyncExitStack() as stacks:
        clear = await stacks.enter_async_context(benchmark_stack({**SETTINGS, "PAYLOAD_ENCRYPTION": "off"}))
        encrypted = await stacks.enter_async_context(benchmark_stack({**SETTINGS, "PAYLOAD_ENCRYPTION": "required"}))
        rows = {}
        for name, load in loads.items():
            for bench in (clear, encrypted):
                await _measure(load, bench)  # warm-up
            rows[name] = [await _pair(load, clear, encrypted, number) for number in range(options.rounds)]
            console.print(f"{name}: {options.rounds} rounds")
    console.print(_table(rows))


async def _pair(load: Load, clear: BenchmarkStack, encrypted: BenchmarkStack, number: int) -> tuple[Measured, Measured]:
    """Clear text first in one round, second in the next: what runs second may find a warmer machine."""
    if number % 2:
        second = await _measure(load, encrypted)
        return await _measure(load, clear), second
    return await _measure(load, clear), await _measure(load, encrypted)


async def _measure(load: Load, bench: BenchmarkStack) -> Measured:
    before, began = bench.usage(), time.perf_counter()
    units = await load(bench)
    seconds, after = time.perf_counter() - began, bench.usage()
    return Measured(units, seconds, sum(after.cpu_since(before, name) for name in _OURS))


async def _calls(bench: BenchmarkStack, count: int, path: str, body: JsonValue) -> int:
    slots, run = asyncio.Semaphore(_CONCURRENCY), uuid.uuid4().hex[:8]

    async def call(number: int) -> None:
        async with slots:
            answer = await bench.http.post(path.format(key=f"{run}-{number}"), json=body)
            answer.raise_for_status()

    await asyncio.gather(*map(call, range(count)))
    return count


async def _records(bench: BenchmarkStack, count: int) -> int:
    await ingest(bench, "records", await new_topic(bench, count, keys=50, partitions=4))
    return count


def _table(rows: Mapping[str, Sequence[tuple[Measured, Measured]]]) -> Table:
    columns = ("", "clear /s", "encrypted /s", "ratio", "clear CPU ms", "encrypted CPU ms", "ratio")
    table = figures_table("Medians; the ratios are medians of each round's; CPU of gateway and workers", columns)
    for name, pairs in rows.items():
        table.add_row(
            name,
            *(f"{statistics.median(pair[which].rate for pair in pairs):,.0f}" for which in (0, 1)),
            f"{statistics.median(encrypted.rate / clear.rate for clear, encrypted in pairs):.2f}",
            *(f"{statistics.median(pair[which].cpu_ms for pair in pairs):,.2f}" for which in (0, 1)),
            f"{statistics.median(encrypted.cpu_ms / clear.cpu_ms for clear, encrypted in pairs):.2f}",
        )
    return table
