"""`python -m benchmarks.compare`: every system in turn, round after round, row after row.

Only the system that is measured runs: each is started on empty folders, measured, and stopped.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from rich.console import Console

from benchmarks.generator import Generator, running_generator
from benchmarks.measure import Session
from benchmarks.report import Report
from benchmarks.restate.stack import binary, open_restate
from benchmarks.rows import ROWS, Row
from benchmarks.system import System
from benchmarks.temporal import open_naive, open_ours
from devstack.child import Log
from devstack.errors import CannotStart, StackError

Open = Callable[[Path, Log], AbstractAsyncContextManager[System]]
OPEN: dict[str, Open] = {"ours": open_ours, "restate": open_restate, "naive": open_naive}
SDK = "sdk"
"""Not a system of its own: our stack, called by a bare Temporal client."""
SYSTEMS = (*OPEN, SDK)
SECONDS = 2.5
"""For which a row loads a system, at scale 1."""
SHORTEST_SECONDS = 0.5
ROUNDS = 3
QUICK_SCALE = 0.5
"""Below it one round is enough."""
WIDTH = 150
"""Columns of the table in a file or a pipe."""


@dataclass(frozen=True)
class Plan:
    rows: list[str]
    systems: list[str]
    rounds: int
    scale: float
    json: Path
    svg: Path

    @property
    def seconds(self) -> float:
        return max(SHORTEST_SECONDS, SECONDS * self.scale)


async def compare(plan: Plan) -> int:
    """Measure, print the table, write the files. Returns 1 if a system did something wrong."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    systems = _those_that_are_there(plan.systems, console)
    report = Report([row for row in ROWS if row.name in plan.rows], systems, plan.rounds, plan.seconds)
    began = time.monotonic()
    with plan.json.with_suffix(".log").open("w") as log:
        await _visit_all(plan, systems, report, console, log)
    console.print(report.table())
    console.print(f"{plan.rounds} rounds in {time.monotonic() - began:.0f} s. Raw figures: {plan.json}")
    for failure in report.failures:
        console.print(failure, style="red", markup=False)
    return 1 if report.failures else 0


async def _visit_all(plan: Plan, systems: list[str], report: Report, console: Console, log: TextIO) -> None:
    """The figures are written after each visit, so that an interrupted run has not been for nothing."""
    async with running_generator() as generator:
        visitor = Visitor(report, generator, console, lambda process, line: print(process, line, file=log, flush=True))
        for number in range(1, plan.rounds + 1):
            for name in OPEN:
                if name in systems:
                    console.print(f"[bold]Round {number} of {plan.rounds}: {name}")
                    await visitor.try_to_visit(name, by_sdk=name == "ours" and SDK in systems)
                    report.write(plan.json, plan.svg)


def _those_that_are_there(names: list[str], console: Console) -> list[str]:
    try:
        if "restate" in names:
            binary()
    except CannotStart as error:
        console.print(f"[yellow]Without Restate. {error}")
        return [name for name in names if name != "restate"]
    return names


class Visitor:
    """Starts a system, measures its rows, stops it."""

    def __init__(self, report: Report, generator: Generator, console: Console, log: Log) -> None:
        self._report = report
        self._generator = generator
        self._console = console
        self._log = log

    async def try_to_visit(self, name: str, *, by_sdk: bool) -> None:
        try:
            await self._visit(name, by_sdk=by_sdk)
        except StackError as error:
            self._fail(name, error)

    async def _visit(self, name: str, *, by_sdk: bool) -> None:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            async with OPEN[name](Path(folder), self._log) as system:
                await system.learn_what_rest_is()
                session = Session(system, self._generator, self._report.seconds)
                bare = Session(system, self._generator, self._report.seconds, by_sdk=True)
                for row in self._report.rows:
                    await self._measure(row, session)
                    if by_sdk and row.by_sdk:
                        await self._measure(row, bare)

    async def _measure(self, row: Row, session: Session) -> None:
        began = time.monotonic()
        try:
            measured = await row.measure(session)
        except Exception as error:  # a row that goes wrong leaves the others alone, and is in the report
            self._fail(f"{row.name}, {session.name}", error)
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


def main() -> int:
    """Returns 1 if a row failed."""
    arguments = _parser().parse_args()
    rounds = arguments.rounds or (ROUNDS if arguments.scale >= QUICK_SCALE else 1)
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    plan = Plan(arguments.rows, arguments.systems, rounds, arguments.scale, arguments.json, arguments.svg)
    return asyncio.run(compare(plan))


def _parser() -> argparse.ArgumentParser:
    rows = [row.name for row in ROWS]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare", description="Measure the six patterns beside their peers."
    )
    add = parser.add_argument
    add("--rows", nargs="+", choices=rows, default=rows, metavar="ROW", help=f"of: {', '.join(rows)}")
    add(
        "--systems",
        nargs="+",
        choices=SYSTEMS,
        default=list(SYSTEMS),
        metavar="SYSTEM",
        help=f"of: {', '.join(SYSTEMS)}",
    )
    add("--rounds", type=int, help=f"of all systems in turn (default: {ROUNDS}, below scale {QUICK_SCALE}: 1)")
    add("--scale", type=float, default=1.0, help="of the time for each row (default: %(default)s)")
    add("--json", type=Path, default=Path("data/benchmark.json"), help="default: %(default)s")
    add("--svg", type=Path, default=Path("data/benchmark.svg"), help="default: %(default)s")
    return parser


if __name__ == "__main__":
    sys.exit(main())
