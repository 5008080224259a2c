"""Records go to the sink in order, or to the dead letters, and never nowhere."""

import asyncio

import pytest

from domain.records import Record
from domain.user_feed import SocialMediaPost
from tests.eventually import eventually
from tests.workers.kafka.fakes import RecordingDeadLetters, RecordingSink, new_counts
from workers.kafka.decisions.lanes import Limits
from workers.kafka.delivery import Delivery, Route


class World:
    """A delivery with fakes around it."""

    def __init__(self) -> None:
        self.sink = RecordingSink()
        self.dead_letters = RecordingDeadLetters()
        self.finished: list[int] = []
        self.all_counts = new_counts()
        self.counts = self.all_counts[0]
        route = Route(self.sink, self.dead_letters, SocialMediaPost, Limits(lanes_in_flight=8, batch_records=100))
        self.delivery = Delivery(
            route,
            lambda partition: f"local/posts/e/{partition}",
            lambda r: self.finished.append(r.offset),
            self.all_counts,
        )
        self._next = 0

    def post(self, key: bytes | None, content: str) -> None:
        self.write(key, b'{"content": "%s", "metadata": ""}' % content.encode())

    def write(self, key: bytes | None, value: bytes | None) -> None:
        self.poll((key, value))

    def poll(self, *records: tuple[bytes | None, bytes | None]) -> None:
        """Hand over records that were read together."""
        read = enumerate(records, self._next)
        self.delivery.accept([Record("posts", 0, offset, key, value, -1, ()) for offset, (key, value) in read])
        self._next += len(records)

    async def all_finished(self) -> None:
        await eventually(lambda: len(self.finished) == self._next, timeout_seconds=20)


@pytest.fixture
async def world() -> World:
    return World()


async def test_what_waits_behind_a_call_travels_in_one_batch_with_its_source(world: World) -> None:
    for number in range(5):
        world.post(b"ann", str(number))
    await world.all_finished()
    first, second = (batch for _, batch in world.sink.batches)
    assert [m.id for m in first.messages] == ["posts-0-0"]
    assert [m.offset for m in second.messages] == [1, 2, 3, 4]
    assert second.source == "local/posts/e/0"


async def test_what_was_read_together_for_a_key_travels_together(world: World) -> None:
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
    await eventually(lambda: world.finished == [1])
    world.sink.held["slow"].set()
    await world.all_finished()


async def test_an_outage_keeps_records_waiting_and_is_told_until_it_ends(world: World) -> None:
    world.sink.outages = 3
    world.post(b"ann", "hello")
    await eventually(lambda: world.counts.last_error == "ConnectionError: Temporal is away")
    await world.all_finished()
    assert world.counts.last_error is None
    assert world.sink.contents() == {"ann": ["hello"]}


async def test_the_success_of_one_key_does_not_hide_the_error_of_another(world: World) -> None:
    world.sink.away.add("ann")
    world.post(b"ann", "hello")
    await eventually(lambda: world.counts.last_error == "ConnectionError: ann is away")
    world.post(b"bob", "hello")
    await eventually(lambda: world.finished == [1])
    assert world.counts.last_error == "ConnectionError: ann is away"
    world.sink.away.clear()
    await world.all_finished()
    assert world.counts.last_error is None
    assert world.dead_letters.kept == []


async def test_poison_goes_to_the_dead_letters_and_its_neighbours_go_on(world: World) -> None:
    world.post(b"ann", "before")
    world.write(b"ann", b"{")
    world.write(None, b"{}")
    world.post(b"ann", "after")
    await world.all_finished()
    assert world.sink.contents() == {"ann": ["before", "after"]}
    assert world.dead_letters.kept == [(1, "InvalidJson"), (2, "NullKey")]
    assert (world.counts.received, world.counts.delivered, world.counts.dead_lettered) == (4, 2, 2)


async def test_a_dead_letter_counts_as_finished_only_once_it_is_kept(world: World) -> None:
    world.dead_letters.outages = 2
    world.write(None, b"{}")
    await eventually(lambda: world.counts.last_error == "ConnectionError: Kafka is away")
    assert world.finished == []
    await world.all_finished()
    assert world.dead_letters.kept == [(0, "NullKey")]


async def test_a_refused_batch_is_halved_until_one_record_is_to_blame(world: World) -> None:
    world.sink.refused_contents = {"5", "11"}
    world.sink.held["ann"] = asyncio.Event()
    for number in range(16):
        world.post(b"ann", str(number))
    world.sink.held["ann"].set()
    await world.all_finished()
    assert world.sink.contents()["ann"] == [str(n) for n in range(16) if n not in (5, 11)]
    assert world.dead_letters.kept == [(5, "Refused"), (11, "Refused")]


async def test_closing_drops_what_waits_and_finishes_what_is_in_flight(world: World) -> None:
    world.sink.held["ann"] = asyncio.Event()
    world.post(b"ann", "in flight")
    world.post(b"ann", "waiting")
    await eventually(lambda: world.sink.calls == 1)
    closing = asyncio.create_task(world.delivery.close(20))
    await asyncio.sleep(0)
    world.sink.held["ann"].set()
    await closing
    assert world.finished == [0]
    assert world.delivery.in_flight == 0


async def test_closing_does_not_wait_longer_than_it_is_given(world: World) -> None:
    world.sink.held["ann"] = asyncio.Event()
    world.post(b"ann", "never")
    await eventually(lambda: world.sink.calls == 1)
    await world.delivery.close(0.05)
    assert (world.finished, world.delivery.in_flight) == ([], 0)


async def test_a_fault_of_the_program_is_raised_and_not_swallowed(world: World) -> None:
    def broken(record: Record) -> None:
        raise KeyError("no such partition")

    route = Route(world.sink, world.dead_letters, SocialMediaPost, Limits(8, 100))
    delivery = Delivery(route, str, broken, new_counts())
    delivery.accept([Record("posts", 0, 0, b"ann", b'{"content": "x", "metadata": ""}', -1, ())])
    await eventually(lambda: delivery.in_flight == 0)
    with pytest.raises(KeyError, match="no such partition"):
        delivery.check()
