"""Every record goes to the sink, in its key's order, or to the dead letters."""

import asyncio
import logging

import pytest

from domain.records import Record
from domain.user_feed import SocialMediaPost
from tests.eventually import eventually
from tests.workers.kafka.fakes import RecordingDeadLetters, RecordingSink, new_partitions
from workers.kafka.decisions.lanes import Limits
from workers.kafka.delivery import Delivery, Destination


class World:
    """A delivery with fakes around it."""

    def __init__(self) -> None:
        self.sink = RecordingSink()
        self.dead_letters = RecordingDeadLetters()
        partitions = new_partitions(0)
        self.tracker, self.counts = partitions[0].tracker, partitions[0].counts
        limits = Limits(lanes_in_flight=8, batch_records=100)
        destination = Destination(self.sink, self.dead_letters, SocialMediaPost, limits, "mine")
        self.delivery = Delivery(destination, partitions)

    def post(self, key: bytes | None, content: str) -> None:
        self.write(key, b'{"content": "%s", "metadata": ""}' % content.encode())

    def write(self, key: bytes | None, value: bytes | None, *headers: tuple[str, bytes]) -> None:
        self._accept([Record("posts", 0, self.tracker.position, key, value, -1, headers)])

    def poll(self, *records: tuple[bytes | None, bytes | None]) -> None:
        """Hand over records that were read together."""
        read = enumerate(records, self.tracker.position)
        self._accept([Record("posts", 0, offset, key, value, -1, ()) for offset, (key, value) in read])

    async def all_finished(self) -> None:
        await eventually(lambda: self.tracker.pending == 0)

    def _accept(self, records: list[Record]) -> None:
        self.delivery.accept(records, now=0)


@pytest.fixture
async def world() -> World:
    return World()


async def test_what_arrives_during_a_call_is_sent_in_one_batch_with_its_source(world: World) -> None:
    for number in range(5):
        world.post(b"ann", str(number))
    await world.all_finished()
    first, second = (batch for _, batch in world.sink.batches)
    assert [m.id for m in first.messages] == ["posts-0-0"]
    assert [m.offset for m in second.messages] == [1, 2, 3, 4]
    assert second.source == "local/posts/e/0"


async def test_records_of_a_key_that_were_read_together_are_sent_together(world: World) -> None:
    value = b'{"content": "x", "metadata": ""}'
    world.poll((b"ann", value), (b"bob", value), (b"ann", value))
    await world.all_finished()
    assert {key: [m.offset for m in batch.messages] for key, batch in world.sink.batches} == {"ann": [0, 2], "bob": [1]}


async def test_one_call_per_key_is_in_flight_and_its_records_stay_in_order(world: World) -> None:
    for number in range(300):
        world.post(f"user{number % 3}".encode(), str(number))
        if number % 7 == 0:
            await asyncio.sleep(0)
    await world.all_finished()
    assert set(world.sink.most_at_once.values()) == {1}
    for user in range(3):
        assert world.sink.contents()[f"user{user}"] == [str(n) for n in range(300) if n % 3 == user]


async def test_a_slow_key_holds_no_other_key_back(world: World) -> None:
    world.sink.held["slow"] = asyncio.Event()
    world.post(b"slow", "first")
    world.post(b"quick", "second")
    await eventually(lambda: world.sink.contents() == {"quick": ["second"]})
    assert world.tracker.safe == 0
    world.sink.held["slow"].set()
    await world.all_finished()


async def test_an_outage_keeps_records_waiting_and_is_reported_until_it_ends(world: World) -> None:
    world.sink.outages = 3
    world.post(b"ann", "hello")
    await eventually(lambda: world.counts.last_error == "ConnectionError: Temporal is unavailable")
    await world.all_finished()
    assert world.counts.last_error is None
    assert world.sink.contents() == {"ann": ["hello"]}


async def test_the_success_of_one_key_does_not_hide_the_error_of_another(world: World) -> None:
    world.sink.unavailable.add("ann")
    world.post(b"ann", "hello")
    await eventually(lambda: world.counts.last_error == "ConnectionError: ann is unavailable")
    world.post(b"bob", "hello")
    await eventually(lambda: world.tracker.pending == 1)
    assert world.counts.last_error == "ConnectionError: ann is unavailable"
    world.sink.unavailable.clear()
    await world.all_finished()
    assert world.counts.last_error is None
    assert world.dead_letters.written == []


async def test_poison_goes_to_the_dead_letters_and_the_rest_of_the_partition_keeps_flowing(world: World) -> None:
    world.post(b"ann", "before")
    world.write(b"ann", b"{")
    world.write(None, b"{}")
    world.post(b"ann", "after")
    await world.all_finished()
    assert world.sink.contents() == {"ann": ["before", "after"]}
    assert world.dead_letters.written == [(1, "InvalidJson"), (2, "NullKey")]
    assert (world.counts.received, world.counts.delivered, world.counts.dead_lettered) == (4, 2, 2)


async def test_poison_is_finished_only_once_its_dead_letter_is_written(world: World) -> None:
    world.dead_letters.outages = 2
    world.write(None, b"{}")
    await eventually(lambda: world.counts.last_error == "ConnectionError: Kafka is unavailable")
    assert world.tracker.pending == 1
    await world.all_finished()
    assert world.dead_letters.written == [(0, "NullKey")]


async def test_a_refused_batch_is_halved_until_one_record_is_to_blame(world: World) -> None:
    world.sink.refused_contents = {"5", "11"}
    world.sink.held["ann"] = asyncio.Event()
    for number in range(16):
        world.post(b"ann", str(number))
    world.sink.held["ann"].set()
    await world.all_finished()
    assert world.sink.contents()["ann"] == [str(n) for n in range(16) if n not in (5, 11)]
    assert world.dead_letters.written == [(5, "Refused"), (11, "Refused")]


async def test_closing_drops_what_is_queued_and_finishes_what_is_in_flight(world: World) -> None:
    world.sink.held["ann"] = asyncio.Event()
    world.post(b"ann", "in flight")
    world.post(b"ann", "waiting")
    await eventually(lambda: world.sink.calls == 1)
    closing = asyncio.create_task(world.delivery.close(20))
    await asyncio.sleep(0)
    world.sink.held["ann"].set()
    await closing
    assert (world.tracker.safe, world.tracker.pending) == (1, 1)
    assert world.delivery.in_flight == 0


async def test_closing_does_not_wait_longer_than_it_is_given(world: World) -> None:
    world.sink.held["ann"] = asyncio.Event()
    world.post(b"ann", "never")
    await eventually(lambda: world.sink.calls == 1)
    await world.delivery.close(0.05)
    assert (world.tracker.safe, world.delivery.in_flight) == (0, 0)


async def test_a_bug_is_raised_and_not_swallowed(world: World) -> None:
    world.sink.held["ann"] = asyncio.Event()
    world.post(b"ann", "hello")
    await eventually(lambda: world.sink.calls == 1)
    world.tracker.finished(0)
    world.sink.held["ann"].set()
    await eventually(lambda: world.delivery.in_flight == 0)
    with pytest.raises(KeyError):
        world.delivery.check()


@pytest.mark.parametrize(("subscription", "delivered"), [(b"mine", ["posts-0-7@1000"]), (b"another", [])])
async def test_a_redriven_record_is_delivered_only_to_its_subscription(
    world: World, subscription: bytes, delivered: list[str]
) -> None:
    headers = (("dead-letter.subscription", subscription), ("dead-letter.redriven-from", b"posts-0-7@1000"))
    world.write(b"ann", b'{"content": "hello", "metadata": ""}', *headers)
    await world.all_finished()
    assert [message.id for _, batch in world.sink.batches for message in batch.messages] == delivered
    assert world.dead_letters.written == []


async def test_the_log_names_every_record_with_its_trace(world: World, caplog: pytest.LogCaptureFixture) -> None:
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    trace = ("traceparent", parent.encode())
    with caplog.at_level(logging.INFO, logger="workers.kafka.delivery"):
        world.write(b"ann", b'{"content": "hello", "metadata": ""}', trace)
        world.write(b"ann", b"{", trace)
        await world.all_finished()
    assert f"delivered to ann: posts-0-0 trace {parent}" in caplog.messages
    poison = f"posts-0-1 trace {parent} is a dead letter (InvalidJson: "
    assert any(line.startswith(poison) for line in caplog.messages)


async def test_dead_letters_that_cannot_be_written_are_one_line_and_not_one_per_attempt(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.dead_letters.outages = 4
    for _ in range(10):
        world.write(None, b"{}")
    await world.all_finished()
    lines = [line for line in caplog.messages if line.startswith("mine: writing dead letters ")]
    assert lines == [
        "mine: writing dead letters fails and is retried: ConnectionError: Kafka is unavailable",
        lines[-1],
    ]
    assert lines[-1].startswith("mine: writing dead letters works again after ")
