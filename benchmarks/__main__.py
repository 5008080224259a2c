"""`python -m benchmarks BENCHMARK`: run one benchmark on servers that it starts and stops itself."""

import argparse
import sys
from dataclasses import dataclass
from importlib import import_module


@dataclass(frozen=True)
class Benchmark:
    """`module` has a `main(arguments)` that returns the exit code. It is imported only when the benchmark is chosen."""

    module: str
    summary: str


BENCHMARKS = {
    "compare": Benchmark(
        "benchmarks.compare.command", "the same load on this stack, on Restate, DBOS and a naive Temporal"
    ),
    "growth": Benchmark("benchmarks.growth.command", "what a unit costs after 1, 10 and 100 times as many"),
    "kafka": Benchmark("benchmarks.kafka.command", "records from a topic into package trackers"),
    "stuck-key": Benchmark("benchmarks.kafka.stuck_key", "whether one stuck key delays the others on its partition"),
    "limits": Benchmark("benchmarks.limits.command", "how many, how long, how large: each works or is refused"),
    "steady": Benchmark("benchmarks.steady.command", "an hour of records while brokers and workers restart: none lost"),
    "rolling": Benchmark("benchmarks.rolling.command", "a restart of the workers under load, and what waits for it"),
    "encryption": Benchmark("benchmarks.encryption.command", "what the encryption of payloads costs"),
    "economy": Benchmark("benchmarks.economy.command", "what local steps save, in CPU time per trip"),
    "floor": Benchmark("benchmarks.economy.floor", "what Temporal's server and SDK take by themselves"),
    "tracing": Benchmark("benchmarks.tracing.command", "what distributed traces cost"),
    "listing": Benchmark("benchmarks.listing.command", "lists of 100,000 executions, walked while more are added"),
    "watchers": Benchmark("benchmarks.watchers.command", "what a thousand watchers of live events cost beside one"),
    "hot-key": Benchmark("benchmarks.limits.hot_key", "messages to one key as fast as they come (a part of `limits`)"),
}
_DESCRIPTION = """Measure the patterns on servers that run for this benchmark only, and check every result.

benchmarks:
""" + "\n".join(f"  {name:10} {benchmark.summary}" for name, benchmark in BENCHMARKS.items())
_EPILOG = """`python -m benchmarks BENCHMARK --help` lists a benchmark's options. `compare` and `growth` need the
packages of requirements-bench.txt: `make bench` installs them into .venv-bench and runs `compare`."""


def main(arguments: list[str]) -> int:
    """Return the exit code: 1 if a result was wrong or a package is missing."""
    options = _parser().parse_args(arguments)
    try:
        module = import_module(BENCHMARKS[options.benchmark].module)
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        remedy = "run `make bench` once, then use .venv-bench/bin/python"
        print(f"`{options.benchmark}` needs the package {package}: {remedy}.", file=sys.stderr)
        return 1
    exit_code: int = module.main(options.options)
    return exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        usage="%(prog)s BENCHMARK [option ...]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("benchmark", choices=BENCHMARKS, help=argparse.SUPPRESS)
    parser.add_argument("options", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
