"""The span of records that are delivered together: part of their trace if they have one in common, else linked."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from domain.records import Record
from domain.traces import Cause
from domain.user_feed import SocialMediaPost
from infra.tracing import spans
from tests.eventually import eventually
from tests.workers.kafka.fakes import RecordingDeadLetters, RecordingSink, new_partitions
from workers.kafka.decisions.lanes import Limits
from workers.kafka.delivery import Delivery, Destination

ONE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OTHER = "00-5bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b9-01"


class Recorder:
    """Records what spans begin with."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, str, Cause | None, spans.Attributes]] = []

    @contextmanager
    def span(self, name: str, kind: str, cause: Cause | None, attributes: spans.Attributes) -> Iterator[Any]:
        self.spans.append((name, kind, cause, attributes))
        yield

    def current(self) -> str | None:
        return None

    def interceptors(self) -> list[Any]:
        return []

    def watch(self, engine: Any) -> None:
        pass

    def fastapi(self) -> dict[str, Any]:
        return {}


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    spans.switch(recorder)
    yield recorder
    spans.switch(None)


async def deliver(*traces: str | None) -> None:
    partitions = new_partitions(0)
    limits = Limits(lanes_in_flight=8, batch_records=100)
    destination = Destination(RecordingSink(), RecordingDeadLetters(), SocialMediaPost, limits)
    delivery = Delivery(destination, partitions)
    value = b'{"content": "x", "metadata": ""}'
    headers = [[("traceparent", trace.encode())] if trace else [] for trace in traces]
    records = [Record("posts", 0, offset, b"ann", value, -1, each) for offset, each in enumerate(headers)]
    delivery.accept(records, now=0)
    await eventually(lambda: partitions[0].tracker.pending == 0)


async def test_a_record_continues_its_producers_trace(recorder: Recorder) -> None:
    await deliver(ONE)
    ((name, kind, cause, attributes),) = recorder.spans
    assert (name, kind, cause) == ("process posts", "CONSUMER", Cause(ONE))
    assert attributes["messaging.kafka.offset"] == 0


@pytest.mark.parametrize(
    ("traces", "cause"),
    [
        ((ONE, OTHER), Cause(None, (ONE, OTHER))),
        ((ONE, ONE), Cause(ONE)),
        ((None, ONE), Cause(ONE)),
        ((None, None), Cause()),
    ],
)
async def test_records_of_several_traces_are_linked(
    recorder: Recorder, traces: tuple[str | None, ...], cause: Cause
) -> None:
    await deliver(*traces)
    ((_, _, found, attributes),) = recorder.spans
    assert found == cause
    assert attributes["messaging.batch.message_count"] == 2
