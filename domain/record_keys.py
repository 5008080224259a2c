"""How the key of a Kafka record names an entity."""

import json
from enum import StrEnum

from pydantic import JsonValue
from pydantic_core import from_json


class KeyFormat(StrEnum):
    """How a topic's producers write keys."""

    STRING = "string"
    """The text is the entity's key."""
    JSON = "json"
    """A string or a whole number; or an object of one such field, as Debezium writes a table's primary key, with or
    without its schema."""


class KeyNotJson(ValueError):
    """A key is not JSON, though its topic's keys should be."""


class KeyNotSingle(ValueError):
    """A key in JSON is no single string or whole number."""


def entity_key(text: str, key_format: KeyFormat) -> str:
    """Return the key of the entity that `text` names. Raises `KeyNotJson`, `KeyNotSingle`."""
    if key_format is KeyFormat.STRING:
        return text
    try:
        value: JsonValue = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise KeyNotJson(f"The key is not JSON, as key.format says: {error}.") from None
    return _single(value, text)


def _single(key: JsonValue, text: str) -> str:
    value = key
    if isinstance(key, dict):
        if key.keys() == {"schema", "payload"}:
            return _single(key["payload"], text)
        if len(key) == 1:
            (value,) = key.values()
    match value:
        case str():
            return value
        case int() if not isinstance(value, bool):
            return json.dumps(value)
    raise KeyNotSingle(
        f"The key {text[:100]!r} names no entity: with key.format json it is a string, a whole number, or an object of "
        "one such field."
    )
