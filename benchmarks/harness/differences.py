"""What is wrong with a sequence of records: the check that benchmarks and storms share."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

SHOWN = 5


def differences(expected: Sequence[Any], seen: Sequence[Any]) -> str | None:
    """Describe what is lost, doubled, unknown or out of order in `seen`; None if it is as expected."""
    if list(seen) == list(expected):
        return None
    wanted, counts = Counter(map(str, expected)), Counter(map(str, seen))
    found = {
        "lost": [each for each in wanted if each not in counts],
        "doubled": [each for each, count in counts.items() if count > wanted[each] > 0],
        "unknown": [each for each in counts if each not in wanted],
    }
    summary = ", ".join(f"{what} {each[:SHOWN]}" for what, each in found.items() if each) or "out of order"
    return f"{summary}; {len(seen)} seen of {len(expected)}"
