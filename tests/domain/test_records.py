"""What a record says, and when it is poison."""

import pytest

from domain.records import MAX_VALUE_BYTES, Poison, Record, read_key, read_message
from domain.user_feed import SocialMediaPost

POST = b'{"content": "hello", "metadata": "m"}'


def record(key: bytes | None = b"ann", value: bytes | None = POST) -> Record:
    return Record("posts", 2, 41, key, value, timestamp_ms=-1, headers=())


def test_a_good_record_becomes_a_message_named_by_its_coordinates() -> None:
    message = read_message(record(), SocialMediaPost)
    assert read_key(record()) == "ann"
    assert (message.id, message.offset) == ("posts-2-41", 41)
    assert message.body == SocialMediaPost(content="hello", metadata="m")


def test_unknown_fields_are_ignored() -> None:
    value = b'{"content": "hello", "metadata": "m", "new": 1}'
    assert read_message(record(value=value), SocialMediaPost).body == SocialMediaPost(content="hello", metadata="m")


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (None, "NullKey"),
        (b"\xff\xfe", "KeyNotUtf8"),
        (b"", "InvalidKey"),
        (b"a/b", "InvalidKey"),
        (b"x" * 201, "InvalidKey"),
    ],
)
def test_a_key_that_names_nobody_is_poison(key: bytes | None, kind: str) -> None:
    with pytest.raises(Poison) as caught:
        read_key(record(key=key))
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("value", "kind", "says"),
    [
        (None, "Tombstone", "no value"),
        (b"{", "InvalidJson", "Invalid JSON"),
        (b'{"content": "\xff"}', "ValueNotUtf8", "byte 13"),
        (b'{"content": "a\\u0000", "metadata": "m"}', "InvalidJson", r"U\+0000"),
        (b'{"content": 5, "metadata": "m"}', "SchemaMismatch", "content: Input should be a valid string"),
        (b'{"metadata": "m"}', "SchemaMismatch", "content: Field required"),
        (b"[]", "SchemaMismatch", "Input should be an object"),
        (b'"' + b"x" * MAX_VALUE_BYTES, "ValueTooLarge", "524289 bytes"),
    ],
)
def test_a_value_that_cannot_be_read_is_poison_and_says_why(value: bytes | None, kind: str, says: str) -> None:
    with pytest.raises(Poison, match=says) as caught:
        read_message(record(value=value), SocialMediaPost)
    assert caught.value.kind == kind
