"""`python -m benchmarks steady`: an hour of steady traffic while brokers and workers restart in its middle.

The topic is on three nodes of Apache Kafka (three replicas, two of them in sync at least, the brokers' defaults), the
subscription has two consumers in two worker processes. After two fifths of the time the three nodes and the workers
restart one after the other. A model has every record: each must be applied once, in the order of its key, and each
poison record must be listed once as a dead letter. The subscription must be RUNNING throughout.

Needs Java 17 with KAFKA_HOME or Maven. What the servers log is in the `--log` file.
"""

import argparse
import asyncio
import logging
import math
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console

from benchmarks.harness.options import options_parser, positive
from benchmarks.harness.results import open_console, write_json
from benchmarks.steady.load import Load
from benchmarks.steady.report import figures, show
from benchmarks.steady.run import Outcome, Plan, SteadyRun
from benchmarks.steady.watch import Watch
from devstack.apache_kafka.jars import NEEDS, find_jars
from devstack.interrupts import until_interrupted

DATA = Path("data")
PROGRESS_EVERY_SECONDS = 10


def main(arguments: list[str]) -> int:
    """Return the exit code: 1 if anything was wrong, or the run did not come to its end."""
    options = _parser().parse_args(arguments)
    jars = find_jars()
    if jars is None:
        print(f"`steady` needs {NEEDS}.", file=sys.stderr)
        return 1
    plan = Plan(_load(options), options.rolling, options.restarts, options.redrives)
    console = open_console()
    options.log.parent.mkdir(parents=True, exist_ok=True)
    with options.log.open("w") as log:
        logging.basicConfig(stream=log, format="%(asctime)s bench %(levelname)s %(name)s %(message)s")
        run = SteadyRun(
            plan, jars, lambda name, line: print(name, line, file=log, flush=True), _progress(console, plan.load)
        )
        failure = _failure(run)
    return _report(run.outcome, failure, plan.load, options.json, console)


def _failure(run: SteadyRun) -> str | None:
    """Run to the end. Returns why it did not get there; what the run has shown until then is in its outcome."""
    try:
        ended = asyncio.run(until_interrupted(run.run(), run.kill_all))
    except Exception as error:
        logging.exception("the run ended early")
        return "the run ended early: " + "; ".join(f"{type(each).__name__}: {each}" for each in _leaves(error))
    return None if ended else "the run ended early: interrupted"


def _leaves(error: Exception) -> Iterator[Exception]:
    """The errors themselves, without the groups in which concurrent work raises them."""
    if isinstance(error, ExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error


def _report(outcome: Outcome, failure: str | None, load: Load, path: Path, console: Console) -> int:
    if failure:
        outcome.violations.append(failure)
    show(outcome, f"{load.rate:g} records/s over {load.partitions} partitions, seed {load.seed}", console)
    write_json(path, figures(outcome))
    return 1 if outcome.violations or not outcome.is_complete else 0


def _progress(console: Console, load: Load) -> Callable[[Watch], None]:
    """Prints where the run is: a line that changes in a terminal, a line every ten seconds elsewhere."""
    due = 0.0

    def show_progress(watch: Watch) -> None:
        nonlocal due
        if not console.is_terminal and watch.seconds < due:
            return
        due = watch.seconds + PROGRESS_EVERY_SECONDS
        minute = watch.minutes[-1]
        line = (
            f"{watch.seconds:6.0f} s of {load.seconds:.0f}: {minute.produced:,} written, {minute.finished:,} finished, "
            f"{watch.status}, {len(watch.violations):,} violations"
        )
        console.print(line, end="\r" if console.is_terminal else "\n", highlight=False)

    return show_progress


def _load(options: argparse.Namespace) -> Load:
    return Load(
        rate=options.rate,
        seconds=options.minutes * 60,
        partitions=options.partitions,
        keys=options.keys,
        poison_share=options.poison / 100,
        seed=options.seed,
        topic=f"steady-{uuid.uuid4().hex[:8]}",
    )


def _parser() -> argparse.ArgumentParser:
    parser = options_parser("steady", f"{__doc__}")
    add = parser.add_argument
    add("--rate", type=positive, default=400, help="records per second")
    add("--minutes", type=_positive_number, default=60.0, help="how long records are written")
    add("--partitions", type=positive, default=6, help="partitions of the topic")
    add("--keys", type=positive, default=60, help="packages that get records at a time, each 500 in all")
    add("--poison", type=_percentage, default=0.5, metavar="PERCENT", help="of the records become dead letters")
    add("--seed", type=int, default=1, help="decides which records are poison, and which nodes restart")
    rolling = "restart the nodes and workers one after the other in the middle"
    add("--rolling", action=argparse.BooleanOptionalAction, default=True, help=rolling)
    add("--restarts", type=_count, default=0, help="restarts of one node of the three, every other one a kill -9")
    add("--redrives", type=_count, default=0, help="how often all dead letters are redriven in the end")
    add("--json", type=Path, default=DATA / "steady.json", help="file for the figures")
    add("--log", type=Path, default=DATA / "steady.log", help="file for what the servers log")
    return parser


def _positive_number(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return number


def _percentage(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 100:  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 100")
    return number


def _count(text: str) -> int:
    return 0 if text == "0" else positive(text)
