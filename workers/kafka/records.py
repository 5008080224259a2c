"""What a record says: a message for a key, or poison."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from domain.errors import InvalidKey
from domain.inbox import Message
from domain.patterns import valid_key
from domain.payload import Payload

MAX_VALUE_BYTES = 512 * 1024


@dataclass(frozen=True)
class Record:
    """A record as it lies in the log. `timestamp_ms` is -1 if it has none."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: Sequence[tuple[str, bytes]]

    @property
    def size_bytes(self) -> int:
        return len(self.key or b"") + len(self.value or b"")


class Poison(Exception):
    """A record that no retry makes good: it has no key, its bytes cannot be read, or Temporal refuses it.

    `kind` names the reason for a program, the message for a person.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def read_key(record: Record) -> str:
    """Raises `Poison`."""
    if record.key is None:
        raise Poison("NullKey", "The record has no key, so nobody can receive it.")
    try:
        return valid_key(record.key.decode())
    except UnicodeDecodeError as error:
        raise Poison("KeyNotUtf8", f"The key is not UTF-8: {error.reason} at byte {error.start}.") from error
    except InvalidKey as error:
        raise Poison("InvalidKey", str(error)) from error


def read_message(record: Record, body: type[Payload]) -> Message[Payload]:
    """Read the value as JSON for `body`; unknown fields are ignored. Raises `Poison`."""
    if record.value is None:
        raise Poison("Tombstone", "The record has no value.")
    if len(record.value) > MAX_VALUE_BYTES:
        raise Poison("ValueTooLarge", f"The value has {len(record.value)} bytes; {MAX_VALUE_BYTES} are allowed.")
    try:
        read = body.model_validate_json(record.value)
    except ValidationError as error:
        raise _unreadable(record.value, error) from error
    return Message(id=f"{record.topic}-{record.partition}-{record.offset}", body=read, offset=record.offset)


def _unreadable(value: bytes, error: ValidationError) -> Poison:
    try:
        value.decode()
    except UnicodeDecodeError as unicode_error:
        return Poison("ValueNotUtf8", f"The value is not UTF-8: {unicode_error.reason} at byte {unicode_error.start}.")
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    kind = "InvalidJson" if problems[0]["type"] == "json_invalid" else "SchemaMismatch"
    told = "; ".join(f"{'.'.join(map(str, p['loc']))}: {p['msg']}".removeprefix(": ") for p in problems[:5])
    return Poison(kind, told)
