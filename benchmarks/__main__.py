"""`python -m benchmarks NAME`: run one benchmark on embedded servers of its own."""

import argparse
import asyncio
import sys
from pathlib import Path

from benchmarks import kafka

ROUNDS = 3


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the patterns on embedded servers of their own, and print ratios.",
    )
    benchmarks = parser.add_subparsers(required=True, metavar="BENCHMARK", dest="benchmark")
    _add_kafka(benchmarks.add_parser("kafka", help="records from a topic into package trackers"))
    _add_compare(benchmarks.add_parser("compare", help="the six patterns beside their peers (`make bench`)"))
    arguments = parser.parse_args()
    return _run_kafka(arguments) if arguments.benchmark == "kafka" else _run_compare(arguments)


def _add_kafka(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--records", type=int, nargs="+", default=[10_000, 100_000], help="sizes (default: %(default)s)"
    )
    parser.add_argument("--keys", type=int, default=50, help="packages (default: %(default)s)")
    parser.add_argument("--partitions", type=int, default=4, help="of the topic (default: %(default)s)")
    parser.add_argument("--single", type=int, default=2_000, help="records for one signal each (default: %(default)s)")
    parser.add_argument("--one-key", type=int, default=100_000, help="records for one key alone; 0 for none")


def _run_kafka(arguments: argparse.Namespace) -> int:
    sizes = (arguments.keys, arguments.partitions, arguments.single, arguments.one_key)
    asyncio.run(kafka.run(kafka.Plan(arguments.records, *sizes)))
    return 0


def _add_compare(parser: argparse.ArgumentParser) -> None:
    from benchmarks.compare import SYSTEMS  # noqa: PLC0415 - the packages of the group `bench` are only for this one
    from benchmarks.rows import ROWS  # noqa: PLC0415

    rows = [row.name for row in ROWS]
    parser.add_argument("--rows", nargs="+", choices=rows, default=rows, metavar="ROW", help=f"of: {', '.join(rows)}")
    parser.add_argument(
        "--systems",
        nargs="+",
        choices=SYSTEMS,
        default=list(SYSTEMS),
        metavar="SYSTEM",
        help=f"of: {', '.join(SYSTEMS)}",
    )
    parser.add_argument("--rounds", type=int, help=f"of all systems in turn (default: {ROUNDS}, below scale 0.5: 1)")
    parser.add_argument("--scale", type=float, default=1.0, help="of the time for each row (default: %(default)s)")
    parser.add_argument("--json", type=Path, default=Path("data/benchmark.json"), help="default: %(default)s")
    parser.add_argument("--svg", type=Path, default=Path("data/benchmark.svg"), help="default: %(default)s")


def _run_compare(arguments: argparse.Namespace) -> int:
    from benchmarks.compare import Plan, compare  # noqa: PLC0415

    rounds = arguments.rounds or (ROUNDS if arguments.scale >= 0.5 else 1)  # noqa: PLR2004 - a quick look
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    plan = Plan(arguments.rows, arguments.systems, rounds, arguments.scale, arguments.json, arguments.svg)
    return asyncio.run(compare(plan))


if __name__ == "__main__":
    sys.exit(main())
