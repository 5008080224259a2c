"""The base class of everything that is sent: camelCase in JSON, frozen in Python.

Unknown fields are ignored here, so that old workers read what newer gateways send. What comes from outside is read
with `STRICT`.
"""

import hashlib
import json
import math
import re
from typing import Any, TypedDict

from pydantic import BaseModel, ConfigDict, JsonValue
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, from_json, to_json

MAX_PAYLOAD_BYTES = 2 * 1024 * 1024
"""Temporal accepts no larger argument or result, unless it is configured to; results and the state that a run carries
stay below it."""
LARGEST_PAYLOAD_BYTES = MAX_PAYLOAD_BYTES * 7 // 4
"""The largest that a Temporal server can be configured to accept: a message to it has at most 4 MiB, and one that
starts an entity has more than its payload."""

_MAX_NAME_CHARACTERS = 100
_MAX_PART_CHARACTERS = 300
_HUGE = re.compile(rb"\d(?:[eE]\+?\d\d|\d{299})")
"""Matches every number that is larger than any float, and also some others.

`re` skips text without a digit fast only if the digit comes before the alternatives.
"""


class Payload(BaseModel):
    """A value that is sent: a request, a workflow's input, a signal, an outcome.

    The error of one that cannot be read does not repeat it: it gets into logs, and into Temporal's failures.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        frozen=True,
        hide_input_in_errors=True,
    )


class Strictness(TypedDict):
    """Arguments of pydantic's `model_validate_json` and its relatives."""

    strict: bool
    by_alias: bool
    by_name: bool


STRICT = Strictness(strict=True, by_alias=True, by_name=False)
"""How every edge reads: a number is a JSON number, a text a JSON string, and a field has its name in JSON."""


def place(error: ErrorDetails) -> str:
    """Where a value is wrong, such as `hops.0.city`. The names of fields are the sender's: they are cut."""
    return ".".join(str(part)[:_MAX_NAME_CHARACTERS] for part in error["loc"])[:_MAX_PART_CHARACTERS]


def problem(error: ErrorDetails) -> str:
    """Where and why a value is wrong, without the value, in a few hundred characters."""
    return f"{place(error)}: {error['msg'][:_MAX_PART_CHARACTERS]}".removeprefix(": ")


def check_json(raw: bytes) -> JsonValue:
    """Read JSON, and refuse what parses but is ambiguous or cannot be stored.

    Python's JSON parser accepts `NaN` and `Infinity`, and reads `1e999` as infinity; pydantic writes each as null. Of
    two fields with the same name a parser takes the last one, another system perhaps the first. PostgreSQL rejects text
    with U+0000. Raises `ValueError`.
    """
    value: JsonValue = from_json(raw, allow_inf_nan=False)
    _STRICT.decode(raw.decode())
    if b"\\u0000" in raw or _HUGE.search(raw):
        _check(value)
    return value


def _must_be_distinct(fields: list[tuple[str, Any]]) -> None:
    """Called with the fields of each object. The comparison runs in C: a body can have a hundred thousand fields."""
    if len(dict(fields)) == len(fields):
        return
    names = set[str]()
    for name, _ in fields:
        if name in names:
            raise ValueError(f"an object has the field {name[:100]!r} twice")
        names.add(name)


_STRICT = json.JSONDecoder(object_pairs_hook=_must_be_distinct, parse_int=len, parse_float=len)
"""Looks at the names of fields only: reading a number of thousands of digits is an error in Python."""


def _check(value: JsonValue) -> None:
    match value:
        case str() if "\0" in value:
            raise ValueError("a string contains U+0000")
        case float() if math.isinf(value):
            raise ValueError("number out of range")
        case list():
            for item in value:
                _check(item)
        case dict():
            for name, item in value.items():
                _check(name)
                _check(item)


def encoded_bytes(value: Any) -> int:
    """The size of `value` in JSON, where a character can take six bytes."""
    return len(to_json(value))


def fingerprint(body: JsonValue) -> str:
    """Identify a JSON value whatever the order of its fields; equal values give equal fingerprints."""
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
