"""A record's trace context travels with its message, and its coordinates name it in the log."""

import logging

import pytest

from domain.records import Record, read_message
from domain.user_feed import SocialMediaPost
from tests.eventually import eventually
from tests.workers.kafka.fakes import RecordingDeadLetters, RecordingSink, new_counts
from workers.kafka.decisions.lanes import Limits
from workers.kafka.delivery import Delivery, Route

PARENT = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
POST = b'{"content": "hello", "metadata": ""}'


def record(*headers: tuple[str, bytes], value: bytes = POST, offset: int = 41) -> Record:
    return Record("posts", 0, offset, b"ann", value, -1, headers)


def test_the_trace_context_is_parent_and_state() -> None:
    assert read_message(record(("traceparent", PARENT)), SocialMediaPost).trace == PARENT.decode()
    both = record(("traceparent", PARENT), ("tracestate", b"vendor=1"))
    assert read_message(both, SocialMediaPost).trace == f"{PARENT.decode()} vendor=1"


def test_without_a_trace_context_nothing_travels() -> None:
    assert read_message(record(("tracestate", b"vendor=1")), SocialMediaPost).trace is None


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
def test_a_malformed_trace_context_counts_as_none(parent: bytes) -> None:
    assert read_message(record(("traceparent", parent)), SocialMediaPost).trace is None


def test_a_malformed_or_long_state_is_left_out() -> None:
    for state in (b"a=\n", b"a" * 513):
        headers = (("traceparent", PARENT), ("tracestate", state))
        assert read_message(record(*headers), SocialMediaPost).trace == PARENT.decode()


async def test_the_log_names_every_record_with_its_trace(caplog: pytest.LogCaptureFixture) -> None:
    finished: list[int] = []
    route = Route(RecordingSink(), RecordingDeadLetters(), SocialMediaPost, Limits(8, 100))
    delivery = Delivery(route, str, lambda r: finished.append(r.offset), new_counts())
    with caplog.at_level(logging.INFO, logger="workers.kafka.delivery"):
        delivery.accept([record(("traceparent", PARENT)), record(("traceparent", PARENT), value=b"{", offset=42)])
        await eventually(lambda: len(finished) == 2)
    assert f"ann has posts-0-41 trace {PARENT.decode()}" in caplog.messages
    assert any(
        line.startswith(f"posts-0-42 trace {PARENT.decode()} is a dead letter: InvalidJson") for line in caplog.messages
    )
