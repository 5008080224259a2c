"""The model of `python -m benchmarks steady`: what is written, and whether a wrong result is found."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.steady.load import KINDS, RECORDS_OF_A_PACKAGE, Load, number_of_poison, poison_records
from benchmarks.steady.model import Letter, wrong_letters, wrong_packages
from domain.inbox import Message
from domain.package_tracker import LocationUpdate
from domain.payload import Payload
from domain.records import Incoming, Poison, Record

Change = Callable[[list[Any]], list[Any]]

LOAD = Load(rate=40, seconds=100, partitions=3, keys=4, poison_share=0.1, seed=1, topic="steady-1")


def parsed(number: int) -> Message[Payload] | Poison:
    return Incoming.parse(as_record(number), LocationUpdate).content


def as_record(number: int) -> Record:
    written = LOAD.record(number)
    return Record(LOAD.topic, written.partition, number, written.key, written.value, 0, ())


def test_every_record_is_a_location_of_one_package_or_a_dead_letter() -> None:
    locations = [each for package in LOAD.packages() for each in LOAD.locations(package)]
    letters = [f"record {number}" for number in LOAD.letters()]
    assert sorted([*locations, *letters]) == sorted(f"record {number}" for number in range(LOAD.records))


def test_a_package_gets_no_more_records_than_it_shows_and_all_on_one_partition() -> None:
    numbers = Counter(LOAD.package(number) for number in range(LOAD.records))
    assert max(numbers.values()) == RECORDS_OF_A_PACKAGE
    assert list(numbers) == list(LOAD.packages())
    partitions = {(LOAD.package(number), LOAD.record(number).partition) for number in range(LOAD.records)}
    assert len(partitions) == len(numbers)


def test_the_ingress_judges_every_record_as_the_model_does() -> None:
    found = {number: content.kind for number in range(LOAD.records) if isinstance(content := parsed(number), Poison)}
    assert found == LOAD.letters()
    assert set(found.values()) == set(KINDS)


def test_the_seed_decides_which_records_are_poison() -> None:
    assert LOAD.letters() == replace(LOAD, topic="steady-2").letters()
    assert LOAD.letters() != replace(LOAD, seed=2).letters()


def test_a_package_has_as_many_locations_as_records_were_applied() -> None:
    [package, *_] = LOAD.packages()
    applied = [LOAD.locations_up_to(number) for number in range(0, 40, LOAD.keys)]
    shown = LOAD.locations(package)
    assert applied == [sum(int(each.split()[1]) <= number for each in shown) for number in range(0, 40, LOAD.keys)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_dead_letter_names_its_record(kind: str) -> None:
    key, value = poison_records(17, b"steady-1-0-0")[kind]
    assert number_of_poison(f"{(key or b'').decode()} {(value or b'').decode(errors='replace')}") == 17


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda right: right[:3] + right[4:], "lost"),
        (lambda right: [*right[:3], *right[2:]], "doubled"),
        (lambda right: [right[1], right[0], *right[2:]], "out of order"),
        (lambda right: [*right, "record 1000000"], "unknown"),
    ],
)
def test_a_package_is_wrong_that_lost_doubled_or_misplaced_a_record(change: Change, found: str) -> None:
    right = {package: LOAD.locations(package) for package in LOAD.packages()}
    assert wrong_packages(LOAD, right) == []
    [package, *_] = right
    [violation] = wrong_packages(LOAD, {**right, package: change(right[package])})
    assert violation.startswith(f"{package}: ")
    assert found in violation


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda right: right[1:], "lost"),
        (lambda right: [*right, right[0]], "doubled"),
        (lambda right: [*right, Letter(1_000_000, "NullKey", 1)], "unknown"),
        (lambda right: [*right, Letter(None, "NullKey", 1)], "of no record of this run"),
        (lambda right: [replace(right[0], kind="Refused"), *right[1:]], "are Refused, not "),
        (lambda right: [replace(right[0], attempts=2), *right[1:]], "1 have 2 attempts, not 1"),
    ],
)
def test_a_list_of_dead_letters_is_wrong_that_is_not_each_poison_record_once(change: Change, found: str) -> None:
    right = [Letter(number, kind, 1) for number, kind in LOAD.letters().items()]
    assert wrong_letters(LOAD.letters(), right, attempts=1) == []
    [violation, *_] = wrong_letters(LOAD.letters(), change(right), attempts=1)
    assert found in violation
