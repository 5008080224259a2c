"""`python -m benchmarks floor`: what Temporal's server and SDK take by themselves.

Bare workflows, which do nothing and have nothing of ours (no encryption, no search attributes, no database, no
gateway), on the server that trips and invoices with local steps use in the same run. What a trip takes beyond a bare
workflow with as many steps, and an invoice beyond a bare first message, is what this project could save.
"""

import argparse
import asyncio
import statistics
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from rich.console import Console
from temporalio.client import Client

from benchmarks.economy.bare import RUNNERS, WORKFLOWS, FirstMessage
from benchmarks.economy.command import decline
from benchmarks.harness.bodies import payment_failure
from benchmarks.harness.in_flight import call_for_each
from benchmarks.harness.options import options_parser, positive
from benchmarks.harness.pairs import SETTINGS
from benchmarks.harness.processes import cpu_by_name
from benchmarks.harness.results import figures_table, open_console
from benchmarks.harness.stack import BenchmarkStack, benchmark_stack
from domain.payment_tracker import PAYMENT_TRACKER
from domain.steps import StepMode

CONCURRENCY = 50
ALONE = 15
"""Units one at a time, for their latency."""
TEXT = "x" * 20


@dataclass(frozen=True)
class Load:
    """One kind of unit, and the process that works on it."""

    name: str
    sandbox: str
    worker: int
    run: Callable[[], Awaitable[Any]]


@dataclass(frozen=True)
class Measured:
    server_ms: float
    worker_ms: float
    rate: float
    p50_ms: float


def main(arguments: list[str]) -> int:
    parser = options_parser("floor", f"{__doc__}")
    parser.add_argument("--units", type=positive, default=250, help="of each kind, in one round")
    parser.add_argument("--rounds", type=positive, default=3, help="after one that warms up")
    asyncio.run(_run(parser.parse_args(arguments), open_console()))
    return 0


async def _run(options: argparse.Namespace, console: Console) -> None:
    async with benchmark_stack({**SETTINGS, "STEPS": StepMode.LOCAL}) as bench, _loads(bench) as loads:
        server = bench.stack.processes.pids()["temporal"]
        rounds = []
        for number in range(options.rounds + 1):
            console.print(f"round {number} of {options.rounds}")
            rounds.append([await _measure(load, server, options.units) for load in loads])
    table = figures_table(
        f"CPU ms of the server and of the worker for each, {CONCURRENCY} at a time; latency one at a time: medians",
        ("", "sandbox", "server", "worker", "per second", "p50 ms"),
        text=("", "sandbox"),
    )
    for load, *figures in zip(loads, *rounds[1:], strict=True):
        table.add_row(load.name, load.sandbox, *_medians(figures))
    console.print(table)


def _medians(figures: list[Measured]) -> list[str]:
    return [
        f"{statistics.median(getattr(each, name) for each in figures):.{digits}f}"
        for name, digits in (("server_ms", 1), ("worker_ms", 1), ("rate", 0), ("p50_ms", 0))
    ]


@asynccontextmanager
async def _loads(bench: BenchmarkStack) -> AsyncIterator[list[Load]]:
    client = await Client.connect(bench.temporal_address)
    workers = {sandbox: await _start_worker(bench.temporal_address, sandbox) for sandbox in RUNNERS}
    loads = [
        Load(name, sandbox, worker.pid, partial(_bare, client, code, _queue(sandbox)))
        for name, code in WORKFLOWS.items()
        for sandbox, worker in workers.items()
    ]
    own = bench.stack.processes.pids()["workers"]
    try:
        yield [
            *loads,
            Load("a trip with three compensations, through the gateway", "yes", own, partial(decline, bench)),
            Load("an event until its reminder, through the gateway", "yes", own, partial(_remind, bench)),
        ]
    finally:
        for worker in workers.values():
            await worker.communicate(b"")  # closes its input, which ends it


async def _start_worker(address: str, sandbox: str) -> asyncio.subprocess.Process:
    command = ("-m", "benchmarks.economy.bare", address, _queue(sandbox), sandbox)
    return await asyncio.create_subprocess_exec(
        sys.executable, *command, stdin=asyncio.subprocess.PIPE, start_new_session=True
    )


def _queue(sandbox: str) -> str:
    return f"bare-{sandbox}"


async def _remind(bench: BenchmarkStack) -> None:
    path = f"/{PAYMENT_TRACKER.service}/{uuid.uuid4().hex}/onPaymentFailure"
    answer = (await bench.http.post(path, json=payment_failure(0))).raise_for_status()
    if answer.json()["remindersSent"] != 1:
        raise RuntimeError(f"{path} was answered with {answer.text}")


async def _bare(client: Client, code: type, queue: str) -> None:
    signal = FirstMessage.receive.__name__ if code is FirstMessage else None
    answer = await client.execute_workflow(
        code.__name__,
        TEXT,
        id=uuid.uuid4().hex,
        task_queue=queue,
        start_signal=signal,
        start_signal_args=[TEXT] if signal else [],
    )
    if answer != TEXT:
        raise RuntimeError(f"{code.__name__} returned {answer!r}")


async def _measure(load: Load, server: int, units: int) -> Measured:
    pids = {"server": server, "worker": load.worker}
    before, began = cpu_by_name(pids), time.monotonic()
    await call_for_each(range(units), CONCURRENCY, lambda _: load.run())
    seconds, after = time.monotonic() - began, cpu_by_name(pids)
    server_ms, worker_ms = ((after[name] - before[name]) / units * 1e3 for name in ("server", "worker"))
    return Measured(
        server_ms, worker_ms, units / seconds, statistics.median([await _latency(load) for _ in range(ALONE)])
    )


async def _latency(load: Load) -> float:
    """Milliseconds of one unit."""
    began = time.monotonic()
    await load.run()
    return (time.monotonic() - began) * 1e3
