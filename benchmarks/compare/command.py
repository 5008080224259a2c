"""`python -m benchmarks compare`: the same load on this stack and its peers, row after row, round after round.

Only the system that is measured runs. Each is started on empty folders, measured, and stopped. Prints a table, and
writes the figures of every round (--json), a picture (--svg) and what the processes logged (--log).
Exit code 1 if a system gave a wrong result.
"""

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path

from benchmarks.compare.comparison import SYSTEMS, Plan, compare
from benchmarks.compare.rows.catalogue import ROWS
from benchmarks.compare.time_limit import Time, seconds_for
from benchmarks.harness.options import options_parser, positive

DATA = Path("data")
SECONDS_PER_ROW, MIN_SECONDS_PER_ROW = 2.5, 0.5
"""For which a row loads a system, at scale 1, and at least."""
ROUNDS = 3
QUICK_SCALE = 0.5
"""Below it one round is enough."""


def main(arguments: list[str]) -> int:
    """Return the exit code."""
    options = _parser().parse_args(arguments)
    rows = [row for row in ROWS if row.name in options.rows]
    scale = options.scale or 1.0
    seconds_per_row = max(MIN_SECONDS_PER_ROW, SECONDS_PER_ROW * scale)
    if options.minutes and not options.scale:
        seconds_per_row = min(
            SECONDS_PER_ROW, max(MIN_SECONDS_PER_ROW, seconds_for(options.minutes, rows, options.systems))
        )
    plan = Plan(
        rows=rows,
        systems=options.systems,
        rounds=options.rounds or (ROUNDS if scale >= QUICK_SCALE else 1),
        seconds_per_row=seconds_per_row,
        json=options.json,
        svg=options.svg,
        log=options.log,
        time=Time(options.minutes),
    )
    return asyncio.run(compare(plan))


def _parser() -> argparse.ArgumentParser:
    rows = [row.name for row in ROWS]
    parser = options_parser("compare", f"{__doc__}")
    add = parser.add_argument
    _add_choice(parser, "--rows", "ROW", rows)
    _add_choice(parser, "--systems", "SYSTEM", SYSTEMS)
    rounds = f"of all systems in turn (default: {ROUNDS}; 1 with a --scale below {QUICK_SCALE})"
    add("--rounds", type=positive, default=None, help=rounds)
    scale = f"of the {SECONDS_PER_ROW} s for which a row loads a system (default: 1, or what --minutes allows)"
    add("--scale", type=float, default=None, help=scale)
    add(
        "--minutes",
        type=float,
        default=None,
        help="end by then; no round begins that would take longer (default: no end)",
    )
    add("--log", type=Path, default=DATA / "benchmark.log", help="file for what the processes say")
    add("--json", type=Path, default=DATA / "benchmark.json", help="file for the figures")
    add("--svg", type=Path, default=DATA / "benchmark.svg", help="file for the picture")
    return parser


def _add_choice(parser: argparse.ArgumentParser, option: str, metavar: str, names: Sequence[str]) -> None:
    text = f"of: {', '.join(names)} (default: all)"
    parser.add_argument(option, nargs="+", choices=names, default=list(names), metavar=metavar, help=text)
