"""Starts every system in turn, measures its rows, stops it; round after round."""

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from rich.console import Console

from benchmarks.compare.load.generator import Generator, running_generator
from benchmarks.compare.report import Report
from benchmarks.compare.rows.row import Row
from benchmarks.compare.session import Session
from benchmarks.compare.systems.dbos.postgres import programs
from benchmarks.compare.systems.dbos.stack import open_dbos, open_dbos_on_postgres
from benchmarks.compare.systems.restate.stack import open_restate, server_binary
from benchmarks.compare.systems.system import System
from benchmarks.compare.systems.temporal import open_economy, open_naive, open_ours
from benchmarks.compare.time_limit import NoTimeLeft, Time
from benchmarks.harness.results import open_console
from devstack.child import Log
from devstack.errors import CannotStart, StackError

Open = Callable[[Path, Log], AbstractAsyncContextManager[System]]
OPEN: dict[str, Open] = {
    "ours": open_ours,
    "ours-economy": open_economy,
    "restate": open_restate,
    "dbos": open_dbos,
    "dbos-postgres": open_dbos_on_postgres,
    "naive": open_naive,
}
REQUIRED: dict[str, Callable[[], object]] = {"restate": server_binary, "dbos-postgres": programs}
"""Raises `CannotStart` if the system's server is not installed."""
SDK = "sdk"
"""Our stack, called by a bare Temporal client: it is measured while `ours` runs."""
SYSTEMS = (*OPEN, SDK)


@dataclass(frozen=True)
class Plan:
    rows: Sequence[Row]
    systems: Sequence[str]
    rounds: int
    seconds_per_row: float
    json: Path
    svg: Path
    log: Path
    time: Time


async def compare(plan: Plan) -> int:
    """Measure, print the table, write the files. Returns 1 if a system gave a wrong result."""
    console = open_console()
    report = Report(plan.rows, _available(plan.systems, console), plan.seconds_per_row)
    began = time.monotonic()
    plan.log.parent.mkdir(parents=True, exist_ok=True)
    with plan.log.open("w") as log:
        await _measure_all(plan, report, console, log)
    console.print(report.table())
    console.print(f"{report.rounds} rounds in {time.monotonic() - began:.0f} s. Raw figures: {plan.json}")
    for failure in report.failures:
        console.print(failure, style="red", markup=False)
    return 1 if report.failures else 0


async def _measure_all(plan: Plan, report: Report, console: Console, log: TextIO) -> None:
    """The files are written after each system, so that an interrupted run keeps what it has measured."""
    async with running_generator() as generator:
        meter = Meter(
            report, generator, console, lambda process, line: print(process, line, file=log, flush=True), plan.time
        )
        for number in range(1, plan.rounds + 1):
            if not plan.time.allows_round(number):
                return
            for name in (name for name in OPEN if name in report.systems):
                console.print(f"[bold]Round {number} of {plan.rounds}: {name}")
                await meter.measure_system(name, with_sdk=name == "ours" and SDK in report.systems)
                report.write(plan.json, plan.svg)


def _available(names: Sequence[str], console: Console) -> Sequence[str]:
    """The systems without those whose server is not installed."""
    missing = set()
    for name, require in REQUIRED.items():
        try:
            if name in names:
                require()
        except CannotStart as error:
            console.print(f"[yellow]Without {name}. {error}")
            missing.add(name)
    return [name for name in names if name not in missing]


class Meter:
    """Measures systems one at a time, and adds the results to the report."""

    def __init__(self, report: Report, generator: Generator, console: Console, log: Log, limit: Time) -> None:
        self._report = report
        self._generator = generator
        self._console = console
        self._log = log
        self._limit = limit

    async def measure_system(self, name: str, *, with_sdk: bool) -> None:
        """A system that does not start, or for which no time is left, is reported, and the next one goes on."""
        if self._limit.is_over:
            self._fail(name, NoTimeLeft())
            return
        try:
            with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
                async with OPEN[name](Path(folder), self._log) as system:
                    await self._measure_rows(system, with_sdk=with_sdk)
        except StackError as error:
            self._fail(name, error)

    async def _measure_rows(self, system: System, *, with_sdk: bool) -> None:
        await system.measure_without_load()
        session = Session(system, self._generator, self._report.seconds_per_row)
        sdk_session = Session(system, self._generator, self._report.seconds_per_row, by_temporal_client=True)
        for row in self._report.rows:
            if system.name not in row.not_measured:
                await self._measure(row, session)
            if with_sdk and row.by_temporal_client:
                await self._measure(row, sdk_session)

    async def _measure(self, row: Row, session: Session) -> None:
        began = time.monotonic()
        try:
            async with self._limit.block():
                measured = await row.measure(session)
        except Exception as error:  # a row that goes wrong is reported, and the next one goes on
            self._fail(f"{row.name}, {session.name}", NoTimeLeft() if self._limit.is_over else error)
            return
        self._report.add(row, session.name, measured)
        took = time.monotonic() - began
        latency = f", p50 {measured.p50_ms:,.1f} ms" if measured.p50_ms is not None else ""
        self._console.print(
            f"  {row.name} {session.name}: {measured.rate:,.0f} {row.unit}s/s{latency}, took {took:.0f} s"
        )

    def _fail(self, what: str, error: Exception) -> None:
        failure = f"{what}: {type(error).__name__}: {error}"
        self._report.failures.append(failure)
        self._console.print(f"  {failure}", style="red", markup=False)
