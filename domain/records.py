"""What a record says: a message for a key, or poison."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from domain.dead_letter import Stage, read_return, record_id
from domain.errors import InvalidKey, Refusal
from domain.inbox import Message
from domain.patterns import valid_key
from domain.payload import Payload, check_json

MAX_VALUE_BYTES = 512 * 1024
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_TRACESTATE = re.compile(rb"[\x20-\x7e]{1,512}")


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
    def id(self) -> str:
        return record_id(self.topic, self.partition, self.offset)

    @property
    def size_bytes(self) -> int:
        return len(self.key or b"") + len(self.value or b"")

    @property
    def trace(self) -> str | None:
        """The W3C trace context, as `Message.trace` has it. One that is malformed counts as none."""
        if not self.headers:
            return None
        headers = dict(self.headers)
        parent, state = headers.get("traceparent"), headers.get("tracestate")
        if not parent or not _TRACEPARENT.fullmatch(parent):
            return None
        return (parent + b" " + state if state and _TRACESTATE.fullmatch(state) else parent).decode()


class Poison(Exception):
    """A record that no retry makes good: it has no key, its bytes cannot be read, or it is refused.

    `kind` names the reason for a program, the message for a person.
    """

    def __init__(self, kind: str, message: str, stage: Stage = Stage.VALUE) -> None:
        super().__init__(message)
        self.kind = kind
        self.stage = stage


def read_key(record: Record) -> str:
    """Raises `Poison`."""
    if record.key is None:
        raise Poison("NullKey", "The record has no key, so nobody can receive it.", Stage.KEY)
    try:
        return valid_key(record.key.decode())
    except UnicodeDecodeError as error:
        reason = f"The key is not UTF-8: {error.reason} at byte {error.start}."
        raise Poison("KeyNotUtf8", reason, Stage.KEY) from error
    except InvalidKey as error:
        raise Poison("InvalidKey", str(error), Stage.KEY) from error


def read_message(record: Record, body: type[Payload]) -> Message[Payload]:
    """Read the value as JSON for `body`; unknown fields are ignored. Raises `Poison`.

    A body whose validator raises `Refusal` refuses the record for a business reason.
    """
    if record.value is None:
        raise Poison("Tombstone", "The record has no value.")
    if len(record.value) > MAX_VALUE_BYTES:
        raise Poison("ValueTooLarge", f"The value has {len(record.value)} bytes; {MAX_VALUE_BYTES} are allowed.")
    try:
        read = body.model_validate_json(record.value)
    except ValidationError as error:
        raise _unreadable(record.value, error) from error
    except Refusal as refusal:
        raise Poison("BusinessRejection", str(refusal), Stage.SINK) from refusal
    try:
        check_json(record.value)
    except ValueError as error:
        raise Poison("InvalidJson", f"The value cannot be kept: {error}.") from error
    returned = read_return(record.topic, record.headers)
    return Message(
        id=returned.origin if returned else record.id,
        submission=record.id if returned else "",
        body=read,
        offset=record.offset,
        trace=record.trace,
    )


def _unreadable(value: bytes, error: ValidationError) -> Poison:
    try:
        value.decode()
    except UnicodeDecodeError as unicode_error:
        return Poison("ValueNotUtf8", f"The value is not UTF-8: {unicode_error.reason} at byte {unicode_error.start}.")
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    kind = "InvalidJson" if problems[0]["type"] == "json_invalid" else "SchemaMismatch"
    told = "; ".join(f"{'.'.join(map(str, p['loc']))}: {p['msg']}".removeprefix(": ") for p in problems[:5])
    return Poison(kind, told)
