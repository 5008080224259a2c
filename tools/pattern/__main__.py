"""`python -m tools.pattern NAME [SERVICE]`, which `make pattern` runs."""

import argparse
import sys
from pathlib import Path

from tools.pattern.layout import Layout
from tools.pattern.naming import Naming, Refused
from tools.pattern.steps import LEFT

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Lay out a pattern in the tree at `root` and print what was done. Return 1, having written nothing, if refused."""
    options = _parser().parse_args(arguments)
    try:
        naming = Naming.of(options.name, options.service)
        layout = Layout.of(naming, root)
    except Refused as refusal:
        print(f"{refusal} Nothing was written.", file=sys.stderr)
        return 1
    layout.write(root)
    print(_report(naming, layout))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.pattern",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Lay out a new pattern that runs: six files, and a row in PATTERNS, POOLS and ROUTES.\n"
        "It overwrites no file, and prints what it wrote and what is left to do.",
        epilog="example:\n"
        "  make pattern NAME=loyalty SERVICE=LoyaltyPoints\n"
        "  make up\n"
        '  curl localhost:8080/LoyaltyPoints/key1/run --json \'{"text": "tea for two"}\'',
    )
    parser.add_argument("name", metavar="NAME", help="its word in every folder, in snake_case: loyalty")
    parser.add_argument(
        "service",
        metavar="SERVICE",
        nargs="?",
        help="its name in URLs and of its workflow, in CamelCase: LoyaltyPoints. By default it follows from the name.",
    )
    return parser


def _report(naming: Naming, layout: Layout) -> str:
    left = [naming.fill(step) for step in LEFT.values()]
    return "\n".join(
        [
            f"The pattern {naming.name}, service {naming.service}, is laid out.",
            *(f"  new      {path}" for path in layout.new),
            *(f"  changed  {path}" for path in layout.changed),
            "It is an example that runs: replace payloads, rules and steps. What is left, as tests/test_house.py says:",
            *(f"  - {step}" for step in left),
        ]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
