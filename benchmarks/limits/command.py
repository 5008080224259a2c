"""`python -m benchmarks limits`: many executions, long ones, busy ones, large bodies.

Each works, or is refused with a reason; exit code 1 if one does neither. Temporal takes 51,200 events and 50 MiB in a
history, and 10,000 signals in a run: each line says how near its largest history came to that.
"""

import argparse
import asyncio
from collections.abc import Sequence

from rich.console import Console
from temporalio.client import Client

from benchmarks.harness.options import options_parser, positive
from benchmarks.harness.stack import BenchmarkStack
from benchmarks.limits.hot_key import hot_key_trials
from benchmarks.limits.kafka_memory import kafka_memory_trial
from benchmarks.limits.long_histories import event_trial, location_trial
from benchmarks.limits.messages import MessageSender
from benchmarks.limits.open_trackers import open_trackers_trial
from benchmarks.limits.single_calls import body_trials, delay_trials, fan_out_trial
from benchmarks.limits.trial import Trial, run_trials
from domain.event_ids import EVENTS_KEPT


def main(arguments: list[str]) -> int:
    """Return the exit code."""
    options = _parser().parse_args(arguments)

    def trials(bench: BenchmarkStack, client: Client, console: Console) -> Sequence[Trial]:
        sender = MessageSender(bench, client)
        return [
            *delay_trials(bench),
            *body_trials(bench),
            fan_out_trial(bench, client, options.subtasks),
            event_trial(sender, "invoice, one event after the other", options.events),
            event_trial(sender, "invoice, all event IDs it remembers", EVENTS_KEPT + 500),
            location_trial(sender, options.locations),
            *hot_key_trials(bench, client, options.hot),
            kafka_memory_trial(bench, options.large),
            open_trackers_trial(sender, console, options.trackers),
        ]

    return asyncio.run(run_trials(trials))


def _parser() -> argparse.ArgumentParser:
    parser = options_parser("limits", f"{__doc__}")
    add = parser.add_argument
    add("--trackers", type=positive, default=100_000, help="payment trackers open at once, each with its timer")
    add(
        "--hot",
        type=positive,
        default=10_000,
        help="messages to one key as fast as they come; a tenth of them to a feed",
    )
    add("--large", type=positive, default=1_200, help="Kafka records of 500 KB that are small on disk")
    add("--subtasks", type=positive, default=10_000, help="subtasks of one job, a tenth of which fails")
    add("--events", type=positive, default=1_000, help="payment events of one invoice")
    add("--locations", type=positive, default=100_000, help="locations of one package")
    return parser
