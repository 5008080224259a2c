"""One limit to try, what came of it, and the table of all of them."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import httpx2
from rich.console import Console
from rich.table import Table
from temporalio.client import Client

from benchmarks.harness.histories import HistorySizes
from benchmarks.harness.results import figures_table, open_console
from benchmarks.harness.stack import BenchmarkStack, benchmark_stack

SETTINGS = {"MODERATION_POLL_INTERVAL": "PT0.1S", "REMINDER_MIN_INTERVAL": "PT0S", "SIMULATED_WORK": "PT0.02S"}
MAX_EVENTS, MAX_BYTES, MAX_SIGNALS = 51_200, 50 * 1024 * 1024, 10_000
"""Temporal's limits: of a history, and of the signals to one run."""


@dataclass(frozen=True)
class Outcome:
    """`holds`: it worked, or was refused as it must be."""

    text: str
    holds: bool = True
    histories: HistorySizes = field(default_factory=HistorySizes)


@dataclass(frozen=True)
class Trial:
    title: str
    size: str
    attempt: Callable[[], Awaitable[Outcome]]


@dataclass(frozen=True)
class Tried:
    trial: Trial
    outcome: Outcome
    seconds: float


def works(is_right: bool, otherwise: str, histories: HistorySizes | None = None, detail: str = "") -> Outcome:
    """`otherwise` is what must be wrong if it is not right; `detail` is added to the text in both cases."""
    text = "works" if is_right else f"WRONG: {otherwise}"
    return Outcome(text + detail, is_right, histories or HistorySizes())


def refused(answer: httpx2.Response, status: int) -> Outcome:
    """Right if the answer has this status; the reason is the gateway's."""
    is_right = answer.status_code == status
    detail = answer.json().get("detail", answer.text[:200])
    return Outcome(f"{'refused' if is_right else 'WRONG'}: {answer.status_code} {detail}", is_right)


async def run_trials(make_trials: Callable[[BenchmarkStack, Client, Console], Sequence[Trial]]) -> int:
    """Try one after the other on one stack, and print the table. Returns 1 if a trial does not hold."""
    console = open_console()
    tried = []
    async with benchmark_stack(SETTINGS, timeout_seconds=300) as bench:
        client = await Client.connect(bench.temporal_address, data_converter=bench.stack.converter)
        for trial in make_trials(bench, client, console):
            began = time.perf_counter()
            outcome = await trial.attempt()
            tried.append(Tried(trial, outcome, time.perf_counter() - began))
            console.print(f"{trial.title} ({trial.size}): {outcome.text}, {tried[-1].seconds:,.1f} s")
    console.print(_table(tried))
    failed = [each.trial.title for each in tried if not each.outcome.holds]
    if failed:
        console.print(f"does not hold: {', '.join(failed)}", style="red")
    return 1 if failed else 0


def _table(tried: Sequence[Tried]) -> Table:
    title = f"Limits: shares are of {MAX_EVENTS:,} events and 50 MiB; a run takes {MAX_SIGNALS:,} signals"
    columns = ("", "size", "outcome", "s", "runs", "events", "%", "KiB", "%", "signals", "carried KiB")
    table = figures_table(title, columns, text=("", "outcome"))
    for each in tried:
        largest = each.outcome.histories
        table.add_row(
            each.trial.title,
            each.trial.size,
            each.outcome.text,
            f"{each.seconds:,.1f}",
            f"{largest.runs:,}",
            f"{largest.events:,}",
            f"{largest.events / MAX_EVENTS:.1%}",
            f"{largest.bytes / 1024:,.0f}",
            f"{largest.bytes / MAX_BYTES:.1%}",
            f"{largest.signals:,}",
            f"{largest.carried_bytes / 1024:,.0f}",
        )
    return table
