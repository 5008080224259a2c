"""A message has the trace context of its record."""

import pytest

from domain.inbox import Message
from domain.records import Incoming, Record
from domain.user_feed import SocialMediaPost

PARENT = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
POST = b'{"content": "hello", "metadata": ""}'


def record(*headers: tuple[str, bytes]) -> Record:
    return Record("posts", 0, 41, b"ann", POST, -1, headers)


def trace(record: Record) -> str | None:
    """The trace context of the record's message."""
    content = Incoming.parse(record, SocialMediaPost).content
    assert isinstance(content, Message)
    return content.trace


def test_the_trace_context_is_parent_and_state() -> None:
    assert trace(record(("traceparent", PARENT))) == PARENT.decode()
    both = record(("traceparent", PARENT), ("tracestate", b"vendor=1"))
    assert trace(both) == f"{PARENT.decode()} vendor=1"


def test_without_a_trace_context_the_message_has_none() -> None:
    assert trace(record(("tracestate", b"vendor=1"))) is None


@pytest.mark.parametrize(
    "parent",
    [
        b"",
        b"00-xyz",
        PARENT.upper(),
        PARENT + b"\n",
        b"ff" + PARENT[2:],
        b"00-" + b"0" * 32 + PARENT[35:],
        PARENT[:36] + b"0" * 16 + b"-01",
    ],
)
def test_a_malformed_trace_context_is_ignored(parent: bytes) -> None:
    assert trace(record(("traceparent", parent))) is None


def test_a_malformed_or_long_state_is_left_out() -> None:
    for state in (b"a=\n", b"a" * 513):
        headers = (("traceparent", PARENT), ("tracestate", state))
        assert trace(record(*headers)) == PARENT.decode()
