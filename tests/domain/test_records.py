"""How a record is parsed, and when it is poison."""

from dataclasses import replace

import pytest
from pydantic import field_validator

from domain.dead_letter import Redriven, Stage
from domain.errors import Refusal
from domain.inbox import Message
from domain.payload import Payload
from domain.records import MAX_VALUE_BYTES, Incoming, Poison, Record, Unreadable
from domain.user_feed import SocialMediaPost

POST = b'{"content": "hello", "metadata": "m"}'


def record(key: bytes | None = b"ann", value: bytes | None = POST) -> Record:
    return Record("posts", 2, 41, key, value, timestamp_ms=-1, headers=())


def message(record: Record) -> Message[Payload]:
    incoming = Incoming.parse(record, SocialMediaPost)
    assert isinstance(incoming.content, Message)
    return incoming.content


def poison(record: Record, body: type[Payload] = SocialMediaPost) -> Poison:
    incoming = Incoming.parse(record, body)
    assert isinstance(incoming.content, Poison)
    return incoming.content


def test_a_good_record_becomes_a_message_named_by_its_coordinates() -> None:
    assert Incoming.parse(record(), SocialMediaPost).key == "ann"
    read = message(record())
    assert (read.id, read.submission, read.offset) == ("posts-2-41", "", 41)
    assert read.body == SocialMediaPost(content="hello", metadata="m")


def test_a_redriven_record_becomes_a_message_named_by_its_origin() -> None:
    headers = (("dead-letter.subscription", b"mine"), ("dead-letter.redriven-from", b"posts-0-7@1000"))
    redriven = replace(record(), headers=headers)
    read = message(redriven)
    assert (read.id, read.submission, read.offset) == ("posts-0-7@1000", "posts-2-41", 41)
    assert Incoming.parse(redriven, SocialMediaPost).redriven == Redriven("mine", "posts-0-7@1000", 1)


def test_unknown_fields_are_ignored() -> None:
    value = b'{"content": "hello", "metadata": "m", "new": 1}'
    assert message(record(value=value)).body == SocialMediaPost(content="hello", metadata="m")


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
def test_a_key_that_names_no_entity_is_poison(key: bytes | None, kind: str) -> None:
    reason = poison(record(key=key))
    assert (reason.kind, reason.stage) == (kind, Stage.KEY)
    assert Incoming.parse(record(key=key), SocialMediaPost).key is None


@pytest.mark.parametrize(
    ("value", "kind", "reason"),
    [
        (None, "Tombstone", "no value"),
        (b"{", "InvalidJson", "Invalid JSON"),
        (b'{"content": "\xff"}', "ValueNotUtf8", "byte 13"),
        (b'{"content": "a\\u0000", "metadata": "m"}', "InvalidJson", "U+0000"),
        (b'{"content": "a", "metadata": "m", "content": "b"}', "InvalidJson", "'content' twice"),
        (b'{"content": "a", "metadata": "m", "x": {"y": 1, "y": 1}}', "InvalidJson", "'y' twice"),
        (b'{"content": 5, "metadata": "m"}', "SchemaMismatch", "content: Input should be a valid string"),
        (b'{"metadata": "m"}', "SchemaMismatch", "content: Field required"),
        (b"[]", "SchemaMismatch", "Input should be an object"),
        (b'"' + b"x" * MAX_VALUE_BYTES, "ValueTooLarge", "524289 bytes"),
    ],
)
def test_a_value_that_cannot_be_read_is_poison_with_a_reason(value: bytes | None, kind: str, reason: str) -> None:
    found = poison(record(value=value))
    assert (found.kind, found.stage) == (kind, Stage.VALUE)
    assert reason in str(found)


class Order(Payload):
    amount: int

    @field_validator("amount")
    @classmethod
    def _is_not_free(cls, amount: int) -> int:
        if amount == 0:
            raise Refusal("An order is not free.")
        return amount


def test_a_business_refusal_is_poison_with_its_reason() -> None:
    refused = poison(record(value=b'{"amount": 0}'), Order)
    assert (refused.kind, refused.stage, str(refused)) == ("BusinessRejection", Stage.SINK, "An order is not free.")


def test_a_record_that_the_client_cannot_read_is_poison_for_its_own_reason() -> None:
    reason = poison(record(key=None, value=Unreadable(b"\x01raw", "The record cannot be read: 3 headers.")))
    assert (reason.kind, str(reason)) == ("Unreadable", "The record cannot be read: 3 headers.")
