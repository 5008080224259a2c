"""A Kafka record, and what it is parsed to: a message for a key, or poison."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

from pydantic import ValidationError

from domain.dead_letter import Headers, Redriven, Stage, read_redriven, record_id
from domain.errors import Refusal
from domain.inbox import Message
from domain.pattern import InvalidKey, valid_key
from domain.payload import STRICT, Payload, check_json, problem
from domain.record_keys import KeyFormat, KeyNotJson, KeyNotSingle, entity_key
from domain.traces import read_trace

MAX_VALUE_BYTES = 512 * 1024
_MAX_UNREADABLE_BYTES = 1024 * 1024


class Unreadable(bytes):
    """The value of a record that the Kafka client cannot read: its bytes in the log, 1 MB at most. `reason` is why."""

    reason: str

    def __new__(cls, raw: bytes, reason: str) -> Self:
        value = super().__new__(cls, raw[:_MAX_UNREADABLE_BYTES])
        value.reason = reason
        return value


@dataclass(frozen=True)
class Record:
    """A record as it is in the log. `timestamp_ms` is -1 if it has none.

    The names of headers may have surrogates, for bytes that are not UTF-8.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: Headers

    @property
    def id(self) -> str:
        return record_id(self.topic, self.partition, self.offset)

    @cached_property
    def size_bytes(self) -> int:
        """The size of key, value and headers together."""
        headers = sum(len(name) + len(value or b"") for name, value in self.headers)
        return len(self.key or b"") + len(self.value or b"") + headers

    @property
    def trace(self) -> str | None:
        """The trace context of its producer. A malformed one is ignored."""
        return read_trace(self.headers)


class Poison(Exception):
    """Why a record can never be delivered: no key, unreadable bytes, or a refusal.

    `kind` is the reason for programs, the exception's message the reason for people.
    """

    def __init__(self, kind: str, message: str, stage: Stage = Stage.VALUE) -> None:
        super().__init__(message)
        self.kind = kind
        self.stage = stage


@dataclass(frozen=True)
class Incoming:
    """A record that was read from the source topic, parsed."""

    record: Record
    redriven: Redriven | None
    key: str | None
    """None if the record's key cannot name an entity; `content` is then poison."""
    content: Message[Payload] | Poison

    @classmethod
    def parse(cls, record: Record, body: type[Payload], key_format: KeyFormat = KeyFormat.STRING) -> Self:
        """Read key, headers and value; the value as strict JSON for `body`, unknown fields ignored. Never raises.

        A `Refusal` raised by a validator of `body` makes the record poison for a business reason.
        """
        redriven = read_redriven(record.topic, record.headers)
        key: str | None = None
        try:
            if isinstance(record.value, Unreadable):
                raise Poison("Unreadable", record.value.reason)
            key = _read_key(record.key, key_format)
            payload = _read_body(record.value, body)
        except Poison as poison:
            return cls(record, redriven, key, poison)
        message: Message[Payload] = Message(
            id=redriven.origin if redriven else record.id,
            submission=record.id if redriven else "",
            body=payload,
            offset=record.offset,
            trace=record.trace,
        )
        return cls(record, redriven, key, message)

    @property
    def partition(self) -> int:
        return self.record.partition

    @property
    def size_bytes(self) -> int:
        return self.record.size_bytes


def _read_key(key: bytes | None, key_format: KeyFormat) -> str:
    if key is None:
        raise Poison("NullKey", "The record has no key, so there is no entity to deliver it to.", Stage.KEY)
    try:
        return valid_key(entity_key(key.decode(), key_format))
    except UnicodeDecodeError as error:
        reason = f"The key is not UTF-8: {error.reason} at byte {error.start}."
        raise Poison("KeyNotUtf8", reason, Stage.KEY) from error
    except KeyNotJson as error:
        raise Poison("KeyNotJson", str(error), Stage.KEY) from error
    except (InvalidKey, KeyNotSingle) as error:
        raise Poison("InvalidKey", str(error), Stage.KEY) from error


def _read_body(value: bytes | None, body: type[Payload]) -> Payload:
    if value is None:
        raise Poison("Tombstone", "The record has no value.")
    if len(value) > MAX_VALUE_BYTES:
        raise Poison("ValueTooLarge", f"The value has {len(value)} bytes; {MAX_VALUE_BYTES} are allowed.")
    try:
        read = body.model_validate_json(value, **STRICT)
    except ValidationError as error:
        raise _unreadable(value, error) from error
    except Refusal as refusal:
        raise Poison("BusinessRejection", str(refusal), Stage.SINK) from refusal
    try:
        check_json(value)
    except ValueError as error:
        raise Poison("InvalidJson", f"The value is refused: {error}.") from error
    return read


def _unreadable(value: bytes, error: ValidationError) -> Poison:
    try:
        value.decode()
    except UnicodeDecodeError as unicode_error:
        return Poison("ValueNotUtf8", f"The value is not UTF-8: {unicode_error.reason} at byte {unicode_error.start}.")
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    kind = "InvalidJson" if problems[0]["type"] == "json_invalid" else "SchemaMismatch"
    return Poison(kind, "; ".join(problem(each) for each in problems[:5]))
