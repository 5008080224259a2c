"""Dead letters: how `<topic>.dead-letter` stores the records that could not be delivered, and which are pending.

A dead letter has the key, value, timestamp and headers of its record. After the record's own headers come added
headers, which say where the record was and why it could not be delivered; the first of them are Kafka Connect's. When a
record is redriven (sent back to its topic), a mark is written: a record without a value, whose key is the letter's
origin, and which names the attempt that it marks.

The log's order proves nothing: a redriven record that is still poison can be a letter again before its first letter has
a mark. So letters and marks are compared by origin and attempt.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from urllib.parse import quote

from domain.traces import PARENT, STATE, read_trace, trace_headers

Headers = Sequence[tuple[str, bytes | None]]
"""Names and values in the order of the log. A name may have surrogates, for bytes that are not UTF-8."""


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
    ORIGIN = "dead-letter.origin"
    """On a letter: the record as it was first read, which a redrive does not change. See `first_origin`."""
    TIMESTAMP = "dead-letter.timestamp"
    """On a letter or a redriven record: the record's first timestamp in milliseconds. The letter's own may be another
    one: a broker may replace it, or refuse the record's."""
    VALUE_OMITTED = "dead-letter.value.omitted"
    """On a letter without its record's value: why. The source topic still has it."""
    HEADERS_OMITTED = "dead-letter.headers.omitted"
    KEY_OMITTED = "dead-letter.key.omitted"
    KEY_ADDED = "dead-letter.key.added"
    """On a letter whose key is not its record's, because the dead-letter topic requires one: why."""
    REDRIVEN_FROM = "dead-letter.redriven-from"
    """On a redriven record: its origin."""
    REDRIVEN = "dead-letter.redriven"
    """On a mark: when the record was redriven."""


_REDRIVE_HEADERS = {Header.SUBSCRIPTION, Header.ATTEMPTS, Header.REDRIVEN_FROM, Header.TIMESTAMP}
_MAX_ID = 200
_AFTER_TOPIC = rf"-[0-9]{{1,10}}-[0-9]{{1,19}}@[!-~]{{1,{_MAX_ID}}}"
"""What follows the topic in an origin."""


class Stage(StrEnum):
    """The step at which a record failed, in Kafka Connect's words."""

    KEY = "KEY_CONVERTER"
    VALUE = "VALUE_CONVERTER"
    SINK = "TASK_PUT"


def record_id(topic: str, partition: int, offset: int) -> str:
    """Name a record by its coordinates, as messages and log lines do."""
    return f"{topic}-{partition}-{offset}"


def first_origin(record: str, source: str) -> str:
    """Name a record beyond its topic's life: its coordinates and the topic's ID, which no broker changes.

    `source` is the record's partition as batches name it, see `Batch.source`.
    """
    return f"{record}@{quote(source.split('/')[-2], errors='replace')[:_MAX_ID]}"


@dataclass(frozen=True)
class Redriven:
    """What the headers of a redriven record say. Only `subscription` delivers it: the others had it the first time."""

    subscription: str
    origin: str
    attempts: int
    timestamp_ms: int | None = None
    """The record's first timestamp, if it had one."""


def read_redriven(topic: str, headers: Headers) -> Redriven | None:
    """Return None for a record that was not redriven to `topic`, even if it was copied here with such headers."""
    if not any(name == Header.REDRIVEN_FROM for name, _ in headers):
        return None
    texts = _texts(headers)
    origin = texts[Header.REDRIVEN_FROM]
    if not re.fullmatch(re.escape(topic) + _AFTER_TOPIC, origin) or Header.SUBSCRIPTION not in texts:
        return None
    attempts, timestamp_ms = _number(texts.get(Header.ATTEMPTS)), _number(texts.get(Header.TIMESTAMP))
    return Redriven(texts[Header.SUBSCRIPTION], origin, attempts or 1, timestamp_ms)


def without_redrive_headers(headers: Headers) -> list[tuple[str, bytes | None]]:
    """Return the headers without those that redriving added. Its trace context comes after the others."""
    names = [name for name, _ in headers]
    added_at = len(names) - names[::-1].index(Header.REDRIVEN_FROM) if Header.REDRIVEN_FROM in names else len(names)
    return [
        (name, value)
        for at, (name, value) in enumerate(headers)
        if name not in _REDRIVE_HEADERS and not (at >= added_at and name in (PARENT, STATE))
    ]


@dataclass(frozen=True)
class DeadLetter:
    """A record of a dead-letter topic. `partition`, `offset` and `timestamp_ms` are those in this topic."""

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
    def size_bytes(self) -> int:
        headers = sum(len(name) + len(value or b"") for name, value in self.headers)
        return len(self.key or b"") + len(self.value or b"") + headers

    @property
    def problem(self) -> str | None:
        """Why it is no dead letter: it has to name its subscription, its record's coordinates and its origin."""
        headers = self.added_headers
        if Header.SUBSCRIPTION not in headers:
            return f"It names no subscription in a header {Header.SUBSCRIPTION}."
        for name in (Header.PARTITION, Header.OFFSET):
            if _number(headers.get(name)) is None:
                return f"Its header {name} is missing or no number."
        if not re.fullmatch(f"[!-~]{{1,249}}{_AFTER_TOPIC}", headers.get(Header.ORIGIN, "")):
            return f"Its header {Header.ORIGIN} is missing or no origin."
        return None

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
        """Whether only the source topic has the value."""
        return Header.VALUE_OMITTED in self.added_headers

    @property
    def is_complete(self) -> bool:
        """Whether it has its record's key and value, so that the record can be redriven."""
        return not self.value_is_omitted and Header.KEY_OMITTED not in self.added_headers

    @property
    def record_key(self) -> bytes | None:
        """The record's key; None if it had none, or if it was omitted."""
        return None if Header.KEY_ADDED in self.added_headers else self.key

    @property
    def record_timestamp_ms(self) -> int | None:
        """The timestamp that the record had when it was first read."""
        return _number(self.added_headers.get(Header.TIMESTAMP))

    @property
    def origin(self) -> str:
        return self.added_headers.get(Header.ORIGIN, "")

    @property
    def trace(self) -> str | None:
        """The trace context of the write of this letter; without tracing, that of its record."""
        return read_trace(self.headers)

    def redrive_headers(self, trace: str | None = None) -> list[tuple[str, bytes | None]]:
        """Return the headers of the redriven record: its own, those that `read_redriven` reads, and `trace`."""
        added = {
            Header.SUBSCRIPTION: self.subscription,
            Header.REDRIVEN_FROM: self.origin,
            Header.ATTEMPTS: str(self.attempts),
        }
        if self.record_timestamp_ms is not None:
            added[Header.TIMESTAMP] = str(self.record_timestamp_ms)
        added |= trace_headers(trace)
        return [*self.headers[: self._own_headers_end], *_encoded(added)]

    def mark_headers(self, time: str) -> list[tuple[str, bytes | None]]:
        """Return the headers of the mark that says that the record was redriven at `time`."""
        added = {Header.SUBSCRIPTION: self.subscription, Header.ATTEMPTS: str(self.attempts), Header.REDRIVEN: time}
        return _encoded(added)

    @cached_property
    def _own_headers_end(self) -> int:
        """The index after the record's own headers, which may have the same names as the added ones."""
        names = [name for name, _ in self.headers]
        return len(names) - 1 - names[::-1].index(Header.TOPIC) if Header.TOPIC in names else len(names)


class PendingLetters:
    """Which letters of one partition are pending for a subscription: no mark names their attempt or a later one.

    A record that was read again after a crash has two letters of the same attempt, and a record that was redriven has
    one of each attempt. One of them is pending: that of the last attempt, the later of two.
    """

    def __init__(self, subscription_id: str) -> None:
        self._subscription_id = subscription_id
        self._letters: dict[int, tuple[str, int]] = {}
        self._newest: dict[str, tuple[int, int]] = {}
        self._marks: dict[str, int] = {}

    def add(self, record: DeadLetter) -> str | None:
        """Add the partition's next record: a letter, a mark, or one of another subscription, which is ignored.

        Returns why, if the record is none of these.
        """
        if (problem := record.problem) is None:
            if record.subscription == self._subscription_id:
                self._letters[record.offset] = record.origin, record.attempts
                newest = self._newest.get(record.origin, (0, 0))
                self._newest[record.origin] = max(newest, (record.attempts, record.offset))
            return None
        headers = _texts(record.headers)
        if record.value is not None or Header.REDRIVEN not in headers:
            return problem
        if headers.get(Header.SUBSCRIPTION) == self._subscription_id:
            origin, attempts = (record.key or b"").decode(errors="replace"), _number(headers.get(Header.ATTEMPTS))
            self._marks[origin] = max(attempts or 1, self._marks.get(origin, 0))
        return None

    def offsets(self) -> list[int]:
        """Return the offsets of the pending letters, oldest first."""
        newest = self._newest.items()
        return sorted(offset for origin, (attempts, offset) in newest if attempts > self._marks.get(origin, 0))

    def has_letter(self, offset: int) -> bool:
        """Whether the subscription has a letter at `offset`, pending or not."""
        return offset in self._letters

    def is_redriven(self, offset: int) -> bool:
        """Whether the letter's record was redriven: it is marked, or it has become a letter again."""
        origin, attempts = self._letters[offset]
        return attempts <= self._marks.get(origin, 0) or attempts < self._newest[origin][0]


def _texts(headers: Headers) -> dict[str, str]:
    return {name: (value or b"").decode(errors="replace") for name, value in headers}


def _encoded(texts: dict[str, str]) -> list[tuple[str, bytes | None]]:
    return [(name, text.encode(errors="replace")) for name, text in texts.items()]


def _number(text: str | None) -> int | None:
    """Read a number that fits into Kafka's 64 bits."""
    number = int(text) if text is not None and re.fullmatch(r"[0-9]{1,19}", text) else -1
    return number if 0 <= number < 2**63 else None
