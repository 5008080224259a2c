"""What an assignment says of its partitions."""

import asyncio
from dataclasses import replace

from domain.records import Record
from domain.user_feed import SocialMediaPost
from tests.eventually import eventually
from tests.workers.kafka.fakes import RecordingDeadLetters, RecordingSink, new_counts
from workers.kafka.assignment import Assignment, Room
from workers.kafka.decisions.lanes import Limits
from workers.kafka.decisions.offsets import OffsetTracker
from workers.kafka.delivery import Route


def post(key: str, offset: int) -> Record:
    return Record("posts", 0, offset, key.encode(), b'{"content": "x", "metadata": ""}', -1, ())


async def test_tells_what_is_committed_acknowledged_and_read_and_how_long_the_oldest_waits() -> None:
    sink = RecordingSink()
    sink.held["slow"] = asyncio.Event()
    route = Route(sink, RecordingDeadLetters(), SocialMediaPost, Limits(lanes_in_flight=8, batch_records=8))
    assignment = Assignment({0: 10}, {0: 10}, route, str, new_counts(), now=100)
    assignment.accept([post("quick", 10), post("slow", 11)], now=101)
    assignment.accept([post("quick", 12), post("quick", 13)], now=104)
    await eventually(lambda: sink.count() == 3)

    (progress,) = assignment.progress({0: 20}, now=109)
    assert (progress.committed, progress.acknowledged, progress.position, progress.end) == (10, 11, 14, 20)
    assert (progress.lag, progress.oldest_in_flight_seconds) == (10, 8)
    assert progress.rate == 0.3

    sink.held["slow"].set()
    await eventually(lambda: sink.count() == 4)
    await eventually(lambda: assignment.in_flight == 0)
    (progress,) = assignment.progress({0: 20}, now=109)
    assert (progress.acknowledged, progress.oldest_in_flight_seconds) == (14, 0)


async def test_tells_of_each_partition_its_own_errors_and_dead_letters() -> None:
    sink = RecordingSink()
    sink.away.add("ann")
    route = Route(sink, RecordingDeadLetters(), SocialMediaPost, Limits(lanes_in_flight=8, batch_records=8))
    assignment = Assignment({0: 0, 1: 0}, {}, route, str, new_counts(0, 1), now=100)
    assignment.accept([post("ann", 0), replace(post("bob", 0), partition=1, value=b"{")], now=101)
    await eventually(lambda: assignment.in_flight == 1 and assignment.progress({}, now=102)[0].last_error)
    first, second = assignment.progress({}, now=102)
    assert (first.last_error, first.dead_lettered) == ("ConnectionError: ann is away", 0)
    assert (second.last_error, second.dead_lettered) == (None, 1)
    await assignment.close(0)


def test_partitions_share_the_room_and_one_that_remembers_too_much_rests() -> None:
    assert Room.shared_by(1).records == 4_000
    assert Room.shared_by(32).records == 500
    tracker = OffsetTracker(0)
    room = Room(records=4, bytes=100, span=6)
    for offset in range(6):
        tracker.delivered(offset, 10, 0.0)
    for offset in range(1, 6):
        tracker.finished(offset)
    assert room.is_left(tracker)
    tracker.delivered(6, 10, 0.0)
    tracker.finished(6)
    assert not room.is_left(tracker)
    tracker.finished(0)
    assert room.is_left(tracker)
