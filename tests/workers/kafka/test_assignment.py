"""What an assignment says of its partitions."""

import asyncio

from domain.user_feed import SocialMediaPost
from tests.eventually import eventually
from tests.workers.kafka.fakes import RecordingDeadLetters, RecordingSink
from workers.kafka.assignment import Assignment
from workers.kafka.delivery import Counts, Route
from workers.kafka.lanes import Limits
from workers.kafka.records import Record


def post(key: str, offset: int) -> Record:
    return Record("posts", 0, offset, key.encode(), b'{"content": "x", "metadata": ""}', -1, ())


async def test_tells_what_is_committed_acknowledged_and_read_and_how_long_the_oldest_waits() -> None:
    sink = RecordingSink()
    sink.held["slow"] = asyncio.Event()
    route = Route(sink, RecordingDeadLetters(), SocialMediaPost, Limits(lanes_in_flight=8, batch_records=8))
    assignment = Assignment({0: 10}, {0: 10}, route, str, Counts(), now=100)
    assignment.accept([post("quick", 10), post("slow", 11)], now=101)
    assignment.accept([post("quick", 12), post("quick", 13)], now=104)
    await eventually(lambda: sink.count() == 3)

    (progress,) = assignment.progress({0: 20})
    assert (progress.committed, progress.acknowledged, progress.position, progress.end) == (10, 11, 14, 20)
    assert progress.lag == 10
    assert assignment.oldest_waiting_seconds(now=109) == 8

    sink.held["slow"].set()
    await eventually(lambda: sink.count() == 4)
    await eventually(lambda: assignment.in_flight == 0)
    (progress,) = assignment.progress({0: 20})
    assert progress.acknowledged == 14
    assert assignment.oldest_waiting_seconds(now=109) == 0
