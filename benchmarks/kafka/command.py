"""`python -m benchmarks kafka`: from a topic full of records to package trackers that show them over HTTP.

The stack's ingress is compared with (a) one signal per record, which is the same pipeline with batches of one, and
(b) a client that reads the topic and does nothing. The time counts from the first record written, into a subscription
that has its partitions already, to the last one shown. Every result is checked: each package must show the last
locations of its records, in order.
"""

import argparse
import asyncio
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.harness.options import options_parser, positive
from benchmarks.harness.results import figures_table, open_console
from benchmarks.harness.stack import BenchmarkStack, benchmark_stack
from benchmarks.kafka.topic_to_state import FilledTopic, Measured, ingest, new_topic, read_only

BATCHED, SINGLE, READ_ONLY, ONE_KEY = "batched", "one signal per record", "read only", "one key alone"
WARM_UP_RECORDS = 1_000


def main(arguments: list[str]) -> int:
    asyncio.run(_run(_parser().parse_args(arguments), open_console()))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = options_parser("kafka", f"{__doc__}")
    add = parser.add_argument
    sizes = "records in the topic, for each run (default: 10000 100000)"
    add("--records", type=positive, nargs="+", default=[10_000, 100_000], metavar="N", help=sizes)
    add("--keys", type=positive, default=50, help="packages; at most one per record")
    add("--partitions", type=positive, default=4, help="partitions of the topic")
    add("--single", type=positive, default=2_000, help="records for the run with one signal per record")
    add("--one-key", type=int, default=100_000, help="records for the run with a single package; 0 skips it")
    return parser


async def _run(options: argparse.Namespace, console: Console) -> None:
    """Measure on one stack, and print the table."""
    async with benchmark_stack({}) as bench:
        measured = await _measure_all(bench, options, console)
    console.print(_table(f"Kafka to state: {options.keys} keys, {options.partitions} partitions", measured))


async def _measure_all(bench: BenchmarkStack, options: argparse.Namespace, console: Console) -> list[Measured]:
    results: list[Measured] = []

    def add(measured: Measured) -> None:
        results.append(measured)
        console.print(f"{measured.what}: {measured.records:,} records, {measured.rate:,.0f}/s")

    async def topic(records: int, keys: int = options.keys) -> FilledTopic:
        return await new_topic(bench, records, keys, options.partitions)

    await ingest(bench, "warm-up", await topic(WARM_UP_RECORDS))
    add(await ingest(bench, SINGLE, await topic(options.single), {"maxBatch": 1}))
    for records in options.records:
        filled = await topic(records)
        add(await ingest(bench, BATCHED, filled))
        add(await read_only(bench, READ_ONLY, filled))
    if options.one_key:
        add(await ingest(bench, ONE_KEY, await topic(options.one_key, keys=1)))
    return results


def _table(title: str, results: Sequence[Measured]) -> Table:
    """Each result, also against one signal per record and against only reading about as many records."""
    single = next(result for result in results if result.what == SINGLE)
    reading = [result for result in results if result.what == READ_ONLY]
    columns = ("", "records", "records/s", "x one signal", "of reading", "server CPU/rec", "worker CPU/rec")
    table = figures_table(title, (*columns, "events/rec", "worker MiB"))
    for each in results:
        nearest = min(reading, key=lambda read: abs(read.records - each.records))
        table.add_row(
            each.what,
            f"{each.records:,}",
            f"{each.rate:,.0f}",
            f"{each.rate / single.rate:.1f}",
            f"{each.rate / nearest.rate:.1%}",
            f"{each.server_cpu_seconds / each.records * 1e6:,.0f} us",
            f"{each.worker_cpu_seconds / each.records * 1e6:,.0f} us",
            f"{each.history_events / each.records:.2f}",
            f"{each.worker_mib:,.0f}",
        )
    return table
