"""`python -m benchmarks NAME`: run one benchmark on an embedded stack of its own."""

import argparse
import asyncio

from benchmarks import kafka, limits, stuck_key


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the patterns on embedded servers of their own, and print ratios.",
        epilog="Beside their peers they are measured by `make bench`.",
    )
    benchmarks = parser.add_subparsers(required=True, metavar="BENCHMARK")
    _add_kafka(benchmarks.add_parser("kafka", help="records from a topic into package trackers"))
    _add_stuck_key(benchmarks.add_parser("stuck-key", help="user feeds beside one that is stuck"))
    _add_limits(benchmarks.add_parser("limits", help="how many, how long, how large, how hot: works, or is refused"))
    arguments = parser.parse_args()
    asyncio.run(arguments.run(arguments))


def _add_kafka(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--records", type=int, nargs="+", default=[10_000, 100_000], help="sizes (default: %(default)s)"
    )
    parser.add_argument("--keys", type=int, default=50, help="packages, at most one a record (default: %(default)s)")
    parser.add_argument("--partitions", type=int, default=4, help="of the topic (default: %(default)s)")
    parser.add_argument("--single", type=int, default=2_000, help="records for one signal each (default: %(default)s)")
    parser.add_argument("--one-key", type=int, default=100_000, help="records for one key alone; 0 for none")
    parser.set_defaults(
        run=lambda given: kafka.run(
            kafka.Plan(given.records, given.keys, given.partitions, given.single, given.one_key)
        )
    )


def _add_stuck_key(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--users", type=int, default=20, help="not counting the stuck one (default: %(default)s)")
    parser.add_argument("--posts", type=int, default=10, help="of each user (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="pairs of runs (default: %(default)s)")
    parser.set_defaults(run=lambda given: stuck_key.run(stuck_key.Plan(given.users, given.posts, given.rounds)))


def _add_limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--trackers", type=int, default=100_000, help="open at once (default: %(default)s)")
    parser.add_argument("--hot", type=int, default=10_000, help="messages to one key (default: %(default)s)")
    parser.set_defaults(run=lambda given: limits.run(limits.Plan(given.trackers, given.hot)))


if __name__ == "__main__":
    main()
