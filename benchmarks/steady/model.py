"""What must be true in the end: each record is applied once and in order, each poison record is one letter. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.harness.differences import differences
from benchmarks.steady.load import Load


@dataclass(frozen=True)
class Letter:
    """A dead letter as it is listed. `number` is the record's; None if it is none of the run's."""

    number: int | None
    kind: str
    attempts: int


def wrong_packages(load: Load, shown: Mapping[str, Sequence[str]]) -> list[str]:
    """What is wrong with each package that shows these locations."""
    compared = ((package, differences(load.locations(package), seen)) for package, seen in shown.items())
    return [f"{package}: {different}" for package, different in compared if different]


def wrong_letters(expected: Mapping[int, str], letters: Sequence[Letter], attempts: int) -> list[str]:
    """What is wrong with the list of dead letters. `expected` has the kind of each record that must be in it once;
    each has become a dead letter `attempts` times."""
    return list(_wrong_letters(expected, letters, attempts))


def _wrong_letters(expected: Mapping[int, str], letters: Sequence[Letter], attempts: int) -> Iterator[str]:
    known = [(letter.number, letter.kind) for letter in letters if letter.number is not None]
    if different := differences(sorted(expected), sorted(number for number, _ in known)):
        yield f"dead letters: {different}"
    if unknown := len(letters) - len(known):
        yield f"dead letters: {unknown} are of no record of this run"
    kinds = Counter((kind, expected.get(number, kind)) for number, kind in known)
    yield from (
        f"dead letters: {count} are {kind}, not {right}" for (kind, right), count in kinds.items() if kind != right
    )
    counts = Counter(letter.attempts for letter in letters)
    yield from (
        f"dead letters: {n} have {found} attempts, not {attempts}" for found, n in counts.items() if found != attempts
    )
