"""`python -m benchmarks.growth`: what a unit costs after one, ten and a hundred times as many, and with more workers.

Each series runs on a stack of its own over the public interface. Cost is CPU, which queues do not blur; a cost that
grows with what is already done would rise from block to block. Every answer is checked.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
from rich.console import Console
from rich.table import Table

from benchmarks.plot import Line, draw_growth
from benchmarks.processes import cpu_by_name
from benchmarks.records import location
from benchmarks.rows import FAILED_PAYMENT, GOOD_TRIP, TASK
from benchmarks.stack import benchmark_stack
from devstack.stack import Stack

IN_FLIGHT = 20
BLOCKS = (1, 9, 90)
"""After each there are 1, 10 and 100 times the base."""
WORKER_PROCESSES = (1, 2, 4)
SETTINGS = {"SIMULATED_WORK": "PT0S"}
DATA = Path("data")


@dataclass(frozen=True)
class Series:
    """Units of one kind. `request` gives path and body of unit `number`; `base` is how many once is."""

    title: str
    base: int
    request: Callable[[int], tuple[str, Any]]


SERIES = (
    Series("saga: trips", 25, lambda n: (f"/BookingWorkflow/trip-{n}/run", GOOD_TRIP)),
    Series("queue: tasks called", 50, lambda _: ("/AsyncTaskWorker/runTask", TASK)),
    Series("payments: trackers left open", 100, lambda n: (f"/PaymentTracker/i{n}/onPaymentFailure", FAILED_PAYMENT)),
    Series("join: locations of one package", 50, lambda n: ("/PackageTracker/one/updateLocation", location(n))),
)


@dataclass(frozen=True)
class Block:
    """`units` more, after `done`. CPU in milliseconds a unit."""

    series: str
    done: int
    units: int
    worker_processes: int
    rate: float
    server_ms: float
    worker_ms: float
    gateway_ms: float

    @property
    def cpu_ms(self) -> float:
        return self.server_ms + self.worker_ms + self.gateway_ms


class Growth:
    """Plays units on one stack, and counts."""

    def __init__(self, stack: Stack, http: httpx2.AsyncClient, worker_processes: int) -> None:
        self._stack = stack
        self._http = http
        self._worker_processes = worker_processes

    async def block(self, series: Series, done: int, units: int) -> Block:
        before, began = self._cpu(), time.perf_counter()
        numbers = iter(range(done, done + units))
        await asyncio.gather(*(self._caller(series, numbers) for _ in range(IN_FLIGHT)))
        seconds, after = time.perf_counter() - began, self._cpu()
        spent = {name: (after[name] - before[name]) / units * 1_000 for name in after}
        return Block(
            series.title,
            done,
            units,
            self._worker_processes,
            rate=units / seconds,
            server_ms=spent["temporal"],
            worker_ms=sum(spent[name] for name in spent if name.startswith("workers")),
            gateway_ms=spent["gateway"],
        )

    async def _caller(self, series: Series, numbers: Iterator[int]) -> None:
        for number in numbers:
            await self._call(*series.request(number))

    async def _call(self, path: str, body: Any) -> None:
        while True:
            answer = await self._http.post(path, json=body)
            if answer.status_code != httpx2.codes.SERVICE_UNAVAILABLE:
                answer.raise_for_status()
                return
            await asyncio.sleep(0.1)

    def _cpu(self) -> dict[str, float]:
        return cpu_by_name(self._stack.processes.pids())


async def measure(series: Sequence[Series], scale: float, console: Console) -> list[Block]:
    """The blocks of each series, then the first series again with more worker processes."""
    blocks = []
    for each in series:
        async with benchmark_stack(SETTINGS) as (stack, http):
            growth, done = Growth(stack, http, 1), 0
            await growth.block(each, -1_000, 20)  # warm-up
            for times in BLOCKS:
                units = max(IN_FLIGHT, round(each.base * times * scale))
                blocks.append(await growth.block(each, done, units))
                done += units
                _tell(console, blocks[-1])
    more_workers = replace(series[0], title=f"{series[0].title}, by workers")
    for processes in WORKER_PROCESSES:
        async with benchmark_stack(SETTINGS, worker_processes=processes) as (stack, http):
            growth = Growth(stack, http, processes)
            await growth.block(more_workers, -1_000, 40)
            blocks.append(await growth.block(more_workers, 0, max(IN_FLIGHT, round(250 * scale))))
            _tell(console, blocks[-1])
    return blocks


def _tell(console: Console, block: Block) -> None:
    console.print(
        f"{block.series}: {block.units:,} after {block.done:,}, workers {block.worker_processes}: {block.cpu_ms:.1f} ms"
    )


def table(blocks: Sequence[Block]) -> Table:
    result = Table(title="CPU of a unit, by what is done already and by worker processes")
    for column in ("", "done before", "units", "workers", "units/s", "server ms", "worker ms", "gateway ms", "of 1x"):
        result.add_column(column, justify="right" if column else "left")
    first = {block.series: block for block in reversed(blocks)}
    for b in blocks:
        result.add_row(
            b.series,
            f"{b.done:,}",
            f"{b.units:,}",
            str(b.worker_processes),
            f"{b.rate:,.0f}",
            f"{b.server_ms:.1f}",
            f"{b.worker_ms:.1f}",
            f"{b.gateway_ms:.1f}",
            f"{b.cpu_ms / first[b.series].cpu_ms:.2f}",
        )
    return result


def lines(blocks: Sequence[Block]) -> list[Line]:
    """For the picture: by what was done, each series against its own first block."""
    drawn = []
    for series in SERIES:
        own = [block for block in blocks if block.series == series.title]
        drawn.append(Line(series.title, [b.done + b.units for b in own], [b.cpu_ms / own[0].cpu_ms for b in own]))
    return drawn


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="of the sizes (default: %(default)s)")
    parser.add_argument("--json", type=Path, default=DATA / "growth.json", help="figures (default: %(default)s)")
    parser.add_argument("--svg", type=Path, default=DATA / "growth.svg", help="picture (default: %(default)s)")
    given = parser.parse_args()
    console = Console(width=120)
    blocks = asyncio.run(measure(SERIES, given.scale, console))
    console.print(table(blocks))
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps([asdict(block) for block in blocks], indent=1))
    draw_growth(lines(blocks), given.svg)


if __name__ == "__main__":
    main()
