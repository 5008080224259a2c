"""Series of equal calls, measured in blocks."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import httpx2

from benchmarks.harness.bodies import GOOD_CARD, TASK, location, payment_failure, trip
from benchmarks.harness.stack import BenchmarkStack, benchmark_stack

MAX_IN_FLIGHT = 20
"""Calls; also the fewest units of a block."""
BLOCKS = (1, 9, 90)
"""After each block there are 1, 10 and 100 times the series' base."""
WORKER_PROCESSES = (1, 2, 4)
WORKER_UNITS = 250
"""Units that are measured for each number of worker processes."""
WARM_UP_UNITS = 40
SETTINGS = {"SIMULATED_WORK": "PT0S"}


@dataclass(frozen=True)
class Series:
    """Units of one kind: `request` gives path and body of a unit by its number. `base` is the first block's size."""

    title: str
    base: int
    request: Callable[[int], tuple[str, Any]]


SERIES = (
    Series("saga: trips", 25, lambda n: (f"/BookingWorkflow/trip-{n}/run", trip(GOOD_CARD))),
    Series("queue: tasks called", 50, lambda _: ("/AsyncTaskWorker/runTask", TASK)),
    Series(
        "payments: trackers left open", 100, lambda n: (f"/PaymentTracker/i{n}/onPaymentFailure", payment_failure(0))
    ),
    Series("join: locations of one package", 50, lambda n: ("/PackageTracker/one/updateLocation", location(n))),
)


@dataclass(frozen=True)
class Block:
    """`units` more of a series, after `done`. CPU in milliseconds per unit."""

    series: str
    done: int
    units: int
    worker_processes: int
    rate: float
    """Units per second."""
    server_ms: float
    worker_ms: float
    gateway_ms: float

    @property
    def cpu_ms(self) -> float:
        return self.server_ms + self.worker_ms + self.gateway_ms


async def measure_series(series: Series, scale: float, add: Callable[[Block], None]) -> None:
    """Measure the blocks one after the other on one stack; `add` gets each as soon as it is measured."""
    async with benchmark_stack(SETTINGS) as bench:
        await _warm_up(bench, series)
        done = 0
        for times in BLOCKS:
            units = max(MAX_IN_FLIGHT, round(series.base * times * scale))
            add(await _measure_block(bench, series, done, units))
            done += units


async def measure_workers(series: Series, scale: float, add: Callable[[Block], None]) -> None:
    """Measure one block for each number of worker processes, each on a stack of its own."""
    series = replace(series, title=f"{series.title}, by workers")
    for processes in WORKER_PROCESSES:
        async with benchmark_stack(SETTINGS, worker_processes=processes) as bench:
            await _warm_up(bench, series)
            block = await _measure_block(bench, series, 0, max(MAX_IN_FLIGHT, round(WORKER_UNITS * scale)))
            add(replace(block, worker_processes=processes))


async def _warm_up(bench: BenchmarkStack, series: Series) -> None:
    await _call_all(bench, series, range(-WARM_UP_UNITS, 0))


async def _measure_block(bench: BenchmarkStack, series: Series, done: int, units: int) -> Block:
    before, began = bench.usage(), time.perf_counter()
    await _call_all(bench, series, range(done, done + units))
    seconds, after = time.perf_counter() - began, bench.usage()
    server_ms, worker_ms, gateway_ms = (
        after.cpu_since(before, name) / units * 1_000 for name in ("temporal", "workers", "gateway")
    )
    return Block(series.title, done, units, 1, units / seconds, server_ms, worker_ms, gateway_ms)


async def _call_all(bench: BenchmarkStack, series: Series, numbers: range) -> None:
    following = iter(numbers)
    await asyncio.gather(*(_caller(bench, series, following) for _ in range(MAX_IN_FLIGHT)))


async def _caller(bench: BenchmarkStack, series: Series, numbers: Iterator[int]) -> None:
    for number in numbers:
        await _call(bench, *series.request(number))


async def _call(bench: BenchmarkStack, path: str, body: Any) -> None:
    """Repeat the call as long as the gateway is busy."""
    while True:
        answer = await bench.http.post(path, json=body)
        if answer.status_code != httpx2.codes.SERVICE_UNAVAILABLE:
            answer.raise_for_status()
            return
        await asyncio.sleep(0.1)
