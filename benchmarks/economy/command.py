"""`python -m benchmarks economy`: what local steps (STEPS=local) save.

Two stacks run at the same time, one with STEPS=local; each does the same trips in turn, which are declined after three
steps and so have three compensations. The figures are CPU time, which does not depend on what else the machine does.
"""

import argparse
import asyncio
import statistics
import uuid
from collections.abc import Mapping
from contextlib import AsyncExitStack

from rich.console import Console
from temporalio.client import Client

from benchmarks.harness.bodies import DECLINED_CARD, trip
from benchmarks.harness.in_flight import call_for_each
from benchmarks.harness.options import options_parser, positive
from benchmarks.harness.pairs import SETTINGS
from benchmarks.harness.results import figures_table, open_console
from benchmarks.harness.stack import BenchmarkStack, benchmark_stack
from domain.booking import BOOKING
from domain.steps import StepMode

PROCESSES = ("temporal", "workers", "gateway")
CONCURRENCY = 4
"""Few at a time, so that no step waits for a second: it would go on as an activity, and be done twice."""
DECLINED = 409
Measured = dict[str, float]
"""CPU milliseconds per trip, by process."""


def main(arguments: list[str]) -> int:
    parser = options_parser("economy", f"{__doc__}")
    parser.add_argument("--trips", type=positive, default=200, help="in one round")
    parser.add_argument("--rounds", type=positive, default=5, help="pairs of runs, one on each stack")
    asyncio.run(_run(parser.parse_args(arguments), open_console()))
    return 0


async def _run(options: argparse.Namespace, console: Console) -> None:
    async with AsyncExitStack() as stacks:
        benches = {
            mode: await stacks.enter_async_context(benchmark_stack({**SETTINGS, "STEPS": mode})) for mode in StepMode
        }
        for mode, bench in benches.items():
            await _trips(bench, options.trips)  # warm-up
            console.print(f"{mode}: {await _cost(bench)}")
        rounds = [await _round(benches, options.trips, number) for number in range(options.rounds)]
    table = figures_table("CPU ms per trip: medians, and the medians of each round's ratio", ("", *StepMode, "ratio"))
    for process in PROCESSES:
        table.add_row(
            process,
            *(f"{statistics.median(each[mode][process] for each in rounds):.1f}" for mode in StepMode),
            f"{statistics.median(e[StepMode.LOCAL][process] / e[StepMode.ACTIVITY][process] for e in rounds):.2f}",
        )
    console.print(table)


async def _round(benches: Mapping[StepMode, BenchmarkStack], trips: int, number: int) -> dict[StepMode, Measured]:
    """One mode first in one round, the other in the next: what runs second may find a warmer machine."""
    order = list(benches.items())[:: -1 if number % 2 else 1]
    return {mode: await _measure(bench, trips) for mode, bench in order}


async def _measure(bench: BenchmarkStack, trips: int) -> Measured:
    before = bench.usage()
    await _trips(bench, trips)
    after = bench.usage()
    return {process: after.cpu_since(before, process) / trips * 1e3 for process in PROCESSES}


async def _trips(bench: BenchmarkStack, count: int) -> None:
    await call_for_each(range(count), CONCURRENCY, lambda _: decline(bench))


async def decline(bench: BenchmarkStack) -> str:
    """Do a trip with three compensations, and return its key. Raises `RuntimeError` if it ends otherwise."""
    key = uuid.uuid4().hex
    answer = await bench.http.post(f"/{BOOKING.service}/{key}/run", json=trip(DECLINED_CARD))
    if answer.status_code != DECLINED or "Ran 3 compensations." not in answer.json()["detail"]:
        raise RuntimeError(f"trip {key} was answered with {answer.status_code} {answer.text}")
    return key


async def _cost(bench: BenchmarkStack) -> str:
    """What one trip costs in Temporal."""
    key = await decline(bench)
    client = await Client.connect(bench.temporal_address)
    described = await client.get_workflow_handle(BOOKING.execution_id(key)).describe()
    info = described.raw_description.workflow_execution_info
    return f"{info.history_length} events, {info.state_transition_count} transitions, {info.history_size_bytes} bytes"
