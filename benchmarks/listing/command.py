"""`python -m benchmarks listing`: lists of many executions, while more are added.

Temporal gets `--executions` jobs and tasks with a delay of a month, a ninth of them cancelled or terminated: what its
index holds is real, and nothing of it runs. Then the first page is read `--reads` times under several conditions, and
all pages are walked to the end while `--rate` a second are added. Exit code 1 if a page has a gap or a repeat, if
the median first page takes longer than `--first-page` ms, or if all of it takes longer than `--minutes`.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from temporalio.client import Client

from benchmarks.harness.options import options_parser, positive
from benchmarks.harness.processes import Usage
from benchmarks.harness.results import figures_table, open_console, write_json
from benchmarks.harness.stack import BenchmarkStack, benchmark_stack
from benchmarks.harness.waiting import wait_until
from benchmarks.listing.executions import Executions
from benchmarks.listing.pages import PAGE, Walk, read, walk

DATA = Path("data")
FIRST_PAGE = 50
"""Executions of a first page, the default of the operation."""
SETTINGS = {"SIMULATED_WORK": "PT0S"}
CONDITIONS: dict[str, Mapping[str, Any]] = {
    "all": {},
    "one service": {"service": "FanOutWorker"},
    "open": {"status": "SCHEDULED"},
    "closed": {"status": "TERMINATED"},
    "one key": {"key": "{key}"},
    "none": {"status": "FAILED"},
}
_MS = 1_000


@dataclass(frozen=True)
class FirstPage:
    """What a first page costs: percentiles of its reads, and CPU per read."""

    conditions: str
    p50_ms: float
    p99_ms: float
    gateway_cpu_ms: float
    temporal_cpu_ms: float


def main(arguments: list[str]) -> int:
    """Return the exit code."""
    options, console = _parser().parse_args(arguments), open_console()
    try:
        return asyncio.run(asyncio.wait_for(_run(options, console), options.minutes * 60))
    except TimeoutError as error:
        in_vain = str(error) or f"not within {options.minutes} min: give it more --minutes, or fewer --executions"
        console.print(f"The benchmark was not done: {in_vain}.", style="red")
        return 1


async def _run(options: argparse.Namespace, console: Console) -> int:
    async with benchmark_stack(SETTINGS, timeout_seconds=300) as bench:
        client = await Client.connect(bench.temporal_address, data_converter=bench.stack.converter)
        executions = Executions(client)
        await _fill(bench, executions, options.executions, console)
        key = next(iter(executions.started))
        pages = []
        for name in CONDITIONS:
            pages.append(await _first_page(bench, name, options.reads, key))
            console.print(f"first page of {name}: p50 {pages[-1].p50_ms:,.0f} ms")
        counts = await _first_page(bench, "counts", options.reads, key, "/invocations/counts")
        before, (walked, added, faults) = bench.usage(), await _walk(bench, executions, options.rate)
        cpu = _cpu(bench.usage(), before, len(walked.seconds))
    _show(console, [*pages, counts], walked, added, cpu)
    slow = [each.conditions for each in pages if each.p50_ms > options.first_page]
    faults += [f"the first page takes longer than {options.first_page} ms: {', '.join(slow)}"] if slow else []
    for fault in faults:
        console.print(fault, style="red")
    figures = {"first pages": [asdict(each) for each in pages], "counts": asdict(counts), "faults": faults}
    walk_figures = {"pages": len(walked.seconds), "listed": len(walked.keys), "added": added, "seconds": walked.seconds}
    write_json(options.json, {"executions": options.executions, **figures, "walk": walk_figures})
    return 1 if faults else 0


async def _fill(bench: BenchmarkStack, executions: Executions, count: int, console: Console) -> None:
    """Start `count`, and wait until the index has them."""
    began, before = time.perf_counter(), bench.usage()
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("starting", total=count)
        await executions.start_many(count, lambda done: progress.update(task, completed=done))
    seconds = time.perf_counter() - began
    await wait_until(executions.are_listed, "the index has them all", pause_seconds=1)
    _, temporal = _cpu(bench.usage(), before, count)
    text = f"{count:,} executions started in {seconds:,.0f} s, {count / seconds:,.0f}/s"
    console.print(f"{text}, CPU {temporal:,.1f} ms of Temporal for each")


async def _first_page(bench: BenchmarkStack, name: str, reads: int, key: str, path: str = "/invocations") -> FirstPage:
    query = {each: str(value).format(key=key) for each, value in CONDITIONS.get(name, {}).items()}
    limit = {} if name == "counts" else {"limit": FIRST_PAGE}
    await read(bench.http, path, **limit, **query)  # warm-up
    before = bench.usage()
    seconds = [(await read(bench.http, path, **limit, **query))[1] for _ in range(reads)]
    gateway, temporal = _cpu(bench.usage(), before, reads)
    return FirstPage(name, *_percentiles(seconds), gateway, temporal)


async def _walk(bench: BenchmarkStack, executions: Executions, rate: float) -> tuple[Walk, int, list[str]]:
    """Read all pages while executions are added; how many were, and what is wrong."""
    existing, stop = {*executions.started}, asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(executions.add(rate, stop))
        walked = await walk(bench.http)
        stop.set()
    return walked, len(executions.started) - len(existing), walked.faults(existing)


def _percentiles(seconds: list[float]) -> tuple[float, float]:
    """The median and the 99th percentile, in ms."""
    percentiles = statistics.quantiles(seconds if len(seconds) > 1 else seconds * 2, n=100, method="inclusive")
    return percentiles[49] * _MS, percentiles[98] * _MS


def _cpu(after: Usage, before: Usage, calls: int) -> tuple[float, float]:
    """CPU of the gateway and of Temporal per call, in ms."""
    gateway, temporal = (after.cpu_since(before, name) / calls * _MS for name in ("gateway", "temporal"))
    return gateway, temporal


def _show(console: Console, pages: list[FirstPage], walked: Walk, added: int, cpu: tuple[float, float]) -> None:
    title = f"The first {FIRST_PAGE}, and the counts: percentiles, and CPU per call"
    table = figures_table(title, ("", "p50 ms", "p99 ms", "gateway CPU ms", "Temporal CPU ms"))
    for each in pages:
        figures = (each.p50_ms, each.p99_ms, each.gateway_cpu_ms, each.temporal_cpu_ms)
        table.add_row(each.conditions, *(f"{figure:,.0f}" for figure in figures))
    console.print(table)
    p50, p99 = _percentiles(walked.seconds)
    console.print(
        f"All pages of {PAGE}, {added:,} added ({added / sum(walked.seconds):,.0f}/s): {len(walked.seconds):,} pages,"
        f" {len(walked.keys):,} executions, a page p50 {p50:,.0f} ms, p99 {p99:,.0f} ms, CPU {cpu[0]:,.0f} ms of the"
        f" gateway and {cpu[1]:,.0f} ms of Temporal"
    )


def _parser() -> argparse.ArgumentParser:
    parser = options_parser("listing", f"{__doc__}")
    add = parser.add_argument
    add("--executions", type=positive, default=100_000, help="that Temporal has before the first page is read")
    add("--rate", type=positive, default=50, help="executions per second that are added while pages are read")
    add("--reads", type=positive, default=100, help="reads of each first page")
    add("--first-page", type=positive, default=300, help="ms that the median first page may take")
    add("--minutes", type=positive, default=40, help="after which it gives up")
    add("--json", type=Path, default=DATA / "listing.json", help="file for the figures")
    return parser
