"""The records of a run, decided by its seed, so that the model of a record is its number. Pure."""

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

RECORDS_OF_A_PACKAGE = 500
"""Then its key is retired for a new one: a package shows its last 1,000 locations, and every record is compared."""
TIMESTAMP = "2024-01-01 00:00"
"""All records have the same: a package lists locations with equal times in the order in which they came."""

_NUMBER = re.compile(r"poison[ /](\d+)")


@dataclass(frozen=True)
class Written:
    """A record to write."""

    key: bytes | None
    value: bytes | None
    partition: int


def poison_records(number: int, key: bytes) -> dict[str, tuple[bytes | None, bytes | None]]:
    """Key and value of a record that becomes a dead letter, by the letter's kind. Either names the record's number."""
    name = f"poison {number}".encode()
    return {
        "InvalidJson": (key, b'{"' + name),
        "SchemaMismatch": (key, json.dumps({"location": name.decode()}).encode()),
        "ValueNotUtf8": (key, name + b" \xff"),
        "Tombstone": (name, None),
        "NullKey": (None, name),
        "InvalidKey": (f"poison/{number}".encode(), name),
    }


KINDS = tuple(poison_records(0, b""))


@dataclass(frozen=True)
class Load:
    """Record `n` is a location of the package whose turn it is: `keys` packages are in use at a time."""

    rate: float
    """Records per second."""
    seconds: float
    partitions: int
    keys: int
    poison_share: float
    seed: int
    topic: str

    @property
    def records(self) -> int:
        return round(self.rate * self.seconds)

    def package(self, number: int) -> str:
        turn, key = divmod(number, self.keys)
        return f"{self.topic}-{key}-{turn // RECORDS_OF_A_PACKAGE}"

    def packages(self) -> Iterator[str]:
        """Those that have records, in the order of their first ones."""
        for first in range(0, self.records, self.keys * RECORDS_OF_A_PACKAGE):
            for number in range(first, min(first + self.keys, self.records)):
                yield self.package(number)

    def locations(self, package: str) -> list[str]:
        """What the package must show in the end, in this order."""
        written = (number for number in self._numbers(package) if number < self.records)
        return [location(number) for number in written if not self.poison(number)]

    def locations_up_to(self, number: int) -> int:
        """How many locations the record's package has when this record is applied."""
        return sum(not self.poison(each) for each in self._numbers(self.package(number)) if each <= number)

    def poison(self, number: int) -> str | None:
        """The kind of dead letter that the record becomes; None if it can be delivered."""
        chance = random.Random(f"{self.seed} {number}")  # noqa: S311
        return chance.choice(KINDS) if chance.random() < self.poison_share else None

    def letters(self) -> dict[int, str]:
        """Number and kind of every record that becomes a dead letter."""
        return {number: kind for number in range(self.records) if (kind := self.poison(number))}

    def record(self, number: int) -> Written:
        key, partition = self.package(number).encode(), number % self.keys % self.partitions
        if kind := self.poison(number):
            return Written(*poison_records(number, key)[kind], partition)
        return Written(key, json.dumps({"timestamp": TIMESTAMP, "location": location(number)}).encode(), partition)

    def _numbers(self, package: str) -> range:
        key, generation = map(int, package.rsplit("-", 2)[1:])
        first = key + generation * RECORDS_OF_A_PACKAGE * self.keys
        return range(first, first + RECORDS_OF_A_PACKAGE * self.keys, self.keys)


def location(number: int) -> str:
    return f"record {number}"


def number_of_poison(text: str) -> int | None:
    """The number of the record that a dead letter's key or value names."""
    found = _NUMBER.search(text)
    return int(found[1]) if found else None
