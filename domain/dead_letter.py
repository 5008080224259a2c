"""Dead letters: how `<topic>.dead-letter` keeps the records that nobody can receive, and which of them still wait.

A letter has the record's key, value, timestamp and headers, and after those a block of headers that says where it
was and why it is here; the first of them are Kafka Connect's. A record that is re-driven leaves a mark behind its
letter: a record without a value, whose key is the letter's origin.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

Headers = Sequence[tuple[str, bytes]]

# Names on the wire: they never change.
TOPIC = "__connect.errors.topic"
PARTITION = "__connect.errors.partition"
OFFSET = "__connect.errors.offset"
STAGE = "__connect.errors.stage"
KIND = "__connect.errors.exception.class.name"
REASON = "__connect.errors.exception.message"
SUBSCRIPTION = "dead-letter.subscription"
TIME = "dead-letter.time"
ATTEMPTS = "dead-letter.attempts"
VALUE_OMITTED = "dead-letter.value.omitted"
"""On a letter whose value the dead-letter topic would not take; the source topic still has it."""
REDRIVEN_FROM = "dead-letter.redriven-from"
"""On a record that was sent back to its topic: its origin."""
REDRIVEN = "dead-letter.redriven"
"""On a mark: when the record was sent back."""
_RETURNED = {SUBSCRIPTION, ATTEMPTS, REDRIVEN_FROM}


class Stage(StrEnum):
    """Kafka Connect's words for what was being done when a record failed."""

    KEY = "KEY_CONVERTER"
    VALUE = "VALUE_CONVERTER"
    SINK = "TASK_PUT"


def record_id(topic: str, partition: int, offset: int) -> str:
    """Name a record by its coordinates, as messages and log lines do."""
    return f"{topic}-{partition}-{offset}"


@dataclass(frozen=True)
class Return:
    """What a re-driven record says of itself. Only its subscription receives it: others had it the first time."""

    subscription: str
    origin: str
    attempts: int


def read_return(topic: str, headers: Headers) -> Return | None:
    """None for a record that comes for the first time, also if it has headers of one from another topic."""
    if not any(name == REDRIVEN_FROM for name, _ in headers):
        return None
    said = _texts(headers)
    origin = said[REDRIVEN_FROM]
    if not re.fullmatch(rf"{re.escape(topic)}-\d+-\d+@-?\d+", origin) or SUBSCRIPTION not in said:
        return None
    return Return(said[SUBSCRIPTION], origin, _number(said.get(ATTEMPTS)) or 1)


def without_return(headers: Headers) -> list[tuple[str, bytes]]:
    """The headers that a re-driven record had before."""
    return [(name, value) for name, value in headers if name not in _RETURNED]


@dataclass(frozen=True)
class DeadLetter:
    """A letter as it lies in the dead-letter topic. `timestamp_ms` is the record's own."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: Headers

    @cached_property
    def said(self) -> dict[str, str]:
        """What the headers of its block say; empty if it has none."""
        return _texts(self.headers[self._block_begins :])

    @property
    def is_whole(self) -> bool:
        """Whether it is a letter at all, with its record's coordinates and its subscription."""
        return SUBSCRIPTION in self.said and _number(self.said.get(PARTITION)) is not None and self.source_offset >= 0

    @property
    def source_partition(self) -> int:
        return _number(self.said.get(PARTITION)) or 0

    @property
    def source_offset(self) -> int:
        offset = _number(self.said.get(OFFSET))
        return -1 if offset is None else offset

    @property
    def attempts(self) -> int:
        """How often the record has become a dead letter."""
        return _number(self.said.get(ATTEMPTS)) or 1

    @property
    def origin(self) -> str:
        """The record as it came first: its coordinates, and its time, which tells it from one in a topic made anew."""
        first = f"{record_id(self.said[TOPIC], self.source_partition, self.source_offset)}@{self.timestamp_ms}"
        return self.said.get(REDRIVEN_FROM, first)

    def returned_headers(self) -> list[tuple[str, bytes]]:
        """The record's own headers, and those that mark it as re-driven."""
        return [
            *self.headers[: self._block_begins],
            (SUBSCRIPTION, self.said[SUBSCRIPTION].encode()),
            (REDRIVEN_FROM, self.origin.encode()),
            (ATTEMPTS, str(self.attempts).encode()),
        ]

    @cached_property
    def _block_begins(self) -> int:
        """Behind the record's own headers, which may look the same."""
        names = [name for name, _ in self.headers]
        return len(names) - 1 - names[::-1].index(TOPIC) if TOPIC in names else len(names)


class Ledger:
    """Which letters of one partition wait for a subscription. A letter may be there twice: the later one counts."""

    def __init__(self, subscription_id: str) -> None:
        self._subscription_id = subscription_id
        self._origins: dict[int, str] = {}
        self._latest: dict[str, int] = {}
        self._marks: dict[str, int] = {}

    def add(self, letter: DeadLetter) -> None:
        """Take note of the next record of the partition: a letter, a mark, or another's."""
        if letter.is_whole and letter.said[SUBSCRIPTION] == self._subscription_id:
            self._origins[letter.offset] = letter.origin
            self._latest[letter.origin] = letter.offset
            return
        headers = _texts(letter.headers)
        if letter.value is None and REDRIVEN in headers and headers.get(SUBSCRIPTION) == self._subscription_id:
            self._marks[(letter.key or b"").decode(errors="replace")] = letter.offset

    def waiting(self) -> list[int]:
        """The offsets of the letters that were not re-driven since, oldest first."""
        return sorted(offset for origin, offset in self._latest.items() if offset > self._marks.get(origin, -1))

    def has(self, offset: int) -> bool:
        return offset in self._origins

    def is_redriven(self, offset: int) -> bool:
        return self._marks.get(self._origins[offset], -1) > offset


def _texts(headers: Headers) -> dict[str, str]:
    return {name: (value or b"").decode(errors="replace") for name, value in headers}


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,19}", text) else None
