"""Which entity a record's key names."""

import pytest

from domain.dead_letter import Stage
from domain.record_keys import KeyFormat
from domain.records import Incoming, Poison, Record
from domain.user_feed import SocialMediaPost

POST = b'{"content": "hello", "metadata": "m"}'
SCHEMA = b'{"schema": {"type": "struct", "name": "k"}, "payload": %s}'


def parsed(key: bytes, key_format: KeyFormat) -> Incoming:
    return Incoming.parse(Record("posts", 0, 0, key, POST, -1, ()), SocialMediaPost, key_format)


@pytest.mark.parametrize("key", ["userid1", '"userid1"', '{"id":1}', "1"])
def test_by_default_the_text_is_the_key(key: str) -> None:
    assert parsed(key.encode(), KeyFormat.STRING).key == key


@pytest.mark.parametrize(
    ("key", "entity"),
    [
        (b'"userid1"', "userid1"),
        (b' "userid1"\n', "userid1"),
        (b'"J\\u00fcrg"', "Jürg"),
        (b"12345678901234567890123", "12345678901234567890123"),
        (b"-7", "-7"),
        (b'{"id": 1}', "1"),
        (b'{"id": "userid1"}', "userid1"),
        (SCHEMA % b'{"id": 1}', "1"),
        (SCHEMA % b'"userid1"', "userid1"),
        (b'{"payload": "userid1"}', "userid1"),
    ],
)
def test_a_key_in_json_names_an_entity_by_its_single_value(key: bytes, entity: str) -> None:
    assert parsed(key, KeyFormat.JSON).key == entity


@pytest.mark.parametrize(
    ("key", "kind", "reason"),
    [
        (b"userid1", "KeyNotJson", "The key is not JSON, as key.format says"),
        (b"", "KeyNotJson", "not JSON"),
        (b"NaN", "KeyNotJson", "not JSON"),
        (b"\xff", "KeyNotUtf8", "not UTF-8"),
        (b'{"id": 1, "region": 2}', "InvalidKey", """The key '{"id": 1, "region": 2}' names no entity"""),
        (b'{"id": {"a": 1}}', "InvalidKey", "one such field"),
        (SCHEMA % SCHEMA.replace(b"%s", b"{}"), "InvalidKey", "one such field"),
        (b"{}", "InvalidKey", "one such field"),
        (b"[1]", "InvalidKey", "one such field"),
        (b"true", "InvalidKey", "one such field"),
        (b"null", "InvalidKey", "one such field"),
        (b"1.5", "InvalidKey", "one such field"),
        (b'""', "InvalidKey", "The key is empty."),
        (b'"a/b"', "InvalidKey", "slash"),
        (b"[" * 100_000, "KeyNotJson", "not JSON"),
    ],
)
def test_a_key_in_json_that_names_no_entity_is_poison(key: bytes, kind: str, reason: str) -> None:
    poison = parsed(key, KeyFormat.JSON).content
    assert isinstance(poison, Poison)
    assert (poison.kind, poison.stage) == (kind, Stage.KEY)
    assert reason in str(poison)
