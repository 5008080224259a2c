"""`python -m benchmarks NAME`: run one benchmark on an embedded stack of its own."""

import argparse
import asyncio

from benchmarks.kafka import Plan, run


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the patterns on an embedded stack of their own, and print ratios.",
    )
    benchmarks = parser.add_subparsers(required=True, metavar="BENCHMARK")
    kafka = benchmarks.add_parser("kafka", help="records from a topic into package trackers")
    kafka.add_argument("--records", type=int, nargs="+", default=[10_000, 100_000], help="sizes (default: %(default)s)")
    kafka.add_argument("--keys", type=int, default=50, help="packages (default: %(default)s)")
    kafka.add_argument("--partitions", type=int, default=4, help="of the topic (default: %(default)s)")
    kafka.add_argument("--single", type=int, default=2_000, help="records for one signal each (default: %(default)s)")
    kafka.add_argument("--one-key", type=int, default=100_000, help="records for one key alone; 0 for none")
    arguments = parser.parse_args()
    plan = Plan(arguments.records, arguments.keys, arguments.partitions, arguments.single, arguments.one_key)
    asyncio.run(run(plan))


if __name__ == "__main__":
    main()
