"""Dead letters: how `<topic>.dead-letter` stores the records that could not be delivered, and which are pending.

A dead letter has the key, value, timestamp and headers of its record. After the record's own headers come added
headers, which say where the record was and why it could not be delivered; the first of them are Kafka Connect's. When a
record is redriven (sent back to its topic), a mark is written after its letter: a record without a value, whose key is
the letter's origin.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

Headers = Sequence[tuple[str, bytes]]


class Header:
    """Names of headers. They are stored in Kafka, so they never change. No enum: aiokafka accepts nothing but `str`."""

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
    """On a letter whose value the dead-letter topic rejected as too large; the source topic still has it."""
    REDRIVEN_FROM = "dead-letter.redriven-from"
    """On a redriven record: its origin."""
    REDRIVEN = "dead-letter.redriven"
    """On a mark: when the record was redriven."""


_REDRIVE_HEADERS = {Header.SUBSCRIPTION, Header.ATTEMPTS, Header.REDRIVEN_FROM}


class Stage(StrEnum):
    """The step at which a record failed, in Kafka Connect's words."""

    KEY = "KEY_CONVERTER"
    VALUE = "VALUE_CONVERTER"
    SINK = "TASK_PUT"


def record_id(topic: str, partition: int, offset: int) -> str:
    """Name a record by its coordinates, as messages and log lines do."""
    return f"{topic}-{partition}-{offset}"


@dataclass(frozen=True)
class Redriven:
    """What the headers of a redriven record say. Only `subscription` delivers it: the others had it the first time."""

    subscription: str
    origin: str
    attempts: int


def read_redriven(topic: str, headers: Headers) -> Redriven | None:
    """Return None for a record that was not redriven to `topic`, even if it was copied here with such headers."""
    if not any(name == Header.REDRIVEN_FROM for name, _ in headers):
        return None
    texts = _texts(headers)
    origin = texts[Header.REDRIVEN_FROM]
    if not re.fullmatch(rf"{re.escape(topic)}-[0-9]+-[0-9]+@-?[0-9]+", origin) or Header.SUBSCRIPTION not in texts:
        return None
    return Redriven(texts[Header.SUBSCRIPTION], origin, _number(texts.get(Header.ATTEMPTS)) or 1)


def without_redrive_headers(headers: Headers) -> list[tuple[str, bytes]]:
    """Return the headers without those that redriving added."""
    return [(name, value) for name, value in headers if name not in _REDRIVE_HEADERS]


@dataclass(frozen=True)
class DeadLetter:
    """A record of a dead-letter topic. `partition` and `offset` are those in this topic; `timestamp_ms` is the one
    that the record had in its source topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: Headers

    @cached_property
    def added_headers(self) -> dict[str, str]:
        """The headers that were added to the record's own; empty if there are none."""
        return _texts(self.headers[self._own_headers_end :])

    @property
    def is_valid(self) -> bool:
        """Whether it is a dead letter: it names its subscription and its record's partition and offset."""
        headers = self.added_headers
        return (
            Header.SUBSCRIPTION in headers
            and _number(headers.get(Header.PARTITION)) is not None
            and self.source_offset >= 0
        )

    @property
    def subscription(self) -> str:
        return self.added_headers.get(Header.SUBSCRIPTION, "")

    @property
    def source_partition(self) -> int:
        return _number(self.added_headers.get(Header.PARTITION)) or 0

    @property
    def source_offset(self) -> int:
        offset = _number(self.added_headers.get(Header.OFFSET))
        return -1 if offset is None else offset

    @property
    def kind(self) -> str:
        return self.added_headers.get(Header.KIND, "")

    @property
    def reason(self) -> str:
        return self.added_headers.get(Header.REASON, "")

    @property
    def stage(self) -> str:
        return self.added_headers.get(Header.STAGE, "")

    @property
    def time(self) -> str:
        """When the letter was written, in ISO 8601."""
        return self.added_headers.get(Header.TIME, "")

    @property
    def attempts(self) -> int:
        """How many times the record has become a dead letter."""
        return _number(self.added_headers.get(Header.ATTEMPTS)) or 1

    @property
    def value_is_omitted(self) -> bool:
        """Whether only the source topic has the value, so that the record cannot be redriven."""
        return Header.VALUE_OMITTED in self.added_headers

    @property
    def origin(self) -> str:
        """The record as it was first read: its coordinates and its timestamp, which distinguishes it from the record
        with the same coordinates in a topic that was deleted and recreated."""
        first = record_id(self.added_headers[Header.TOPIC], self.source_partition, self.source_offset)
        return self.added_headers.get(Header.REDRIVEN_FROM, f"{first}@{self.timestamp_ms}")

    def redrive_headers(self) -> list[tuple[str, bytes]]:
        """Return the headers of the redriven record: its own, and those that `read_redriven` reads."""
        return [
            *self.headers[: self._own_headers_end],
            (Header.SUBSCRIPTION, self.subscription.encode()),
            (Header.REDRIVEN_FROM, self.origin.encode()),
            (Header.ATTEMPTS, str(self.attempts).encode()),
        ]

    @cached_property
    def _own_headers_end(self) -> int:
        """The index after the record's own headers, which may have the same names as the added ones."""
        names = [name for name, _ in self.headers]
        return len(names) - 1 - names[::-1].index(Header.TOPIC) if Header.TOPIC in names else len(names)


class PendingLetters:
    """Which letters of one partition are pending for a subscription: not redriven since they were written.

    After a crash a record may have two letters; the later one counts.
    """

    def __init__(self, subscription_id: str) -> None:
        self._subscription_id = subscription_id
        self._origins: dict[int, str] = {}
        self._latest: dict[str, int] = {}
        self._marks: dict[str, int] = {}

    def add(self, letter: DeadLetter) -> None:
        """Add the partition's next record: a letter, a mark, or one of another subscription, which is ignored."""
        if letter.is_valid and letter.subscription == self._subscription_id:
            self._origins[letter.offset] = letter.origin
            self._latest[letter.origin] = letter.offset
            return
        headers = _texts(letter.headers)
        is_mark = letter.value is None and Header.REDRIVEN in headers
        if is_mark and headers.get(Header.SUBSCRIPTION) == self._subscription_id:
            self._marks[(letter.key or b"").decode(errors="replace")] = letter.offset

    def offsets(self) -> list[int]:
        """Return the offsets of the pending letters, oldest first."""
        return sorted(offset for origin, offset in self._latest.items() if offset > self._marks.get(origin, -1))

    def has_letter(self, offset: int) -> bool:
        """Whether the subscription has a letter at `offset`, pending or not."""
        return offset in self._origins

    def is_redriven(self, offset: int) -> bool:
        return self._marks.get(self._origins[offset], -1) > offset


def _texts(headers: Headers) -> dict[str, str]:
    return {name: (value or b"").decode(errors="replace") for name, value in headers}


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,19}", text) else None
