"""Dead letters on Apache Kafka: redrives while the consumer runs, and records of others."""

import asyncio
import time
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from infra.kafka import redrive
from infra.kafka.dead_letters import Cursor, LetterOutcome
from infra.kafka.deadlines import KafkaUnreachable
from infra.kafka.record_parsing import raw_name
from tests.workers.kafka.apache.letters import ODD, World
from tests.workers.kafka.consuming import Running, commit, post

HOUR_MS = 3_600_000


async def dead_lettered(running: Running, count: int) -> None:
    await running.until(lambda: running.reported and running.progress.dead_lettered == count)


class TestStillPoison:
    async def test_records_that_are_still_poison_are_each_listed_again_with_one_more_attempt(
        self, world: World
    ) -> None:
        for number in range(25):
            await world.write(b"ann", b"{%d" % number)
        async with world.consuming():
            await world.listed_with(attempts=1, count=25)
            for attempts in (2, 3, 4):
                assert (await world.redrive_all()).redriven == 25
                await world.listed_with(attempts=attempts, count=25)

    async def test_records_that_are_letters_again_before_the_first_letters_have_their_marks_are_each_listed(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(25):
            await world.write(b"ann", b"{%d" % number)
        write_mark = redrive._mark
        async with world.consuming() as running:
            await world.listed_with(attempts=1, count=25)

            async def write_mark_late(*letter: Any) -> Any:
                await dead_lettered(running, 50)
                return await write_mark(*letter)

            monkeypatch.setattr(redrive, "_mark", write_mark_late)
            assert (await world.redrive_all()).redriven == 25
            await world.listed_with(attempts=2, count=25)

    async def test_two_redrives_at_once_leave_one_letter_of_each_record(self, world: World) -> None:
        for number in range(10):
            await world.write(b"ann", b"{%d" % number)
        async with world.consuming() as running:
            await world.listed_with(attempts=1, count=10)
            both = [gateway.redrive_all(world.sub) for gateway in (world.letters, world.another_gateway())]
            written = sum(outcome.redriven for outcome in await asyncio.gather(*both))
            await dead_lettered(running, 10 + written)
            await world.listed_with(attempts=2, count=10)
            assert (await world.redrive_all()).redriven == 10

    async def test_a_crash_before_the_marks_leaves_one_letter_of_each_record(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def crash(*_: object) -> None:
            raise KafkaUnreachable("a crash")

        for number in range(5):
            await world.write(b"ann", b"{%d" % number)
        async with world.consuming() as running:
            await world.listed_with(attempts=1, count=5)
            with monkeypatch.context() as patch:
                patch.setattr(redrive, "_mark", crash)
                with pytest.raises(KafkaUnreachable, match="a crash"):
                    await world.redrive_all()
            await dead_lettered(running, 10)
            first, *_ = await world.listed_with(attempts=2, count=5)
            again = await world.letters.redrive_each(world.sub, [(first.partition, first.offset)])
            before = await world.letters.redrive_each(world.sub, [(0, 0)])
            assert (again.redriven, before.count(LetterOutcome.ALREADY_REDRIVEN)) == (1, 1)
            await dead_lettered(running, 11)
            assert sorted(letter.attempts for letter in await world.listed()) == [2, 2, 2, 2, 3]


class TestForeignRecords:
    async def test_records_that_are_no_letters_are_listed_as_skipped_and_the_others_are_redriven(
        self, world: World
    ) -> None:
        await world.write(b"ann", b"{", headers=((ODD, b"v"), ("own", None)))
        async with world.consuming():
            await world.listed_with(attempts=1, count=1)
        ours = ("dead-letter.subscription", world.sub.id.encode())
        await world.write_letter(b"k", b"v", (ODD, b"\xff"))
        await world.write_letter(b"k", None)
        await world.write_letter(None, b"", ("", None), ("own", b"\xff" * 1_000))
        await world.write_letter(b"k", b"v", ("__connect.errors.topic", b"posts"), ours, (ODD, b"v"))
        await world.write_letter(b"k", None, ("dead-letter.redriven", b"\xff"), ours, ("dead-letter.attempts", b"\xff"))
        page = await world.letters.page(world.sub, Cursor(), 50)
        assert [letter.source_offset for letter in page.letters] == [0]
        assert [(each.partition, each.offset) for each in page.skipped] == [(0, 1), (0, 2), (0, 3), (0, 4)]
        assert all(each.reason for each in page.skipped)
        assert (await world.redrive_all()).redriven == 1
        assert await world.listed() == []

    async def test_the_bytes_of_a_headers_name_are_kept_in_the_letter_and_the_redriven_record(
        self, world: World
    ) -> None:
        await world.write(b"ann", b"{", headers=((ODD, b"v"),))
        async with world.consuming():
            (letter,) = await world.listed_with(attempts=1, count=1)
            await world.redrive_all()
            (again,) = await world.listed_with(attempts=2, count=1)
        assert [raw_name(name) for name, _ in (letter.headers[0], again.headers[0])] == [b"stra\xdfe"] * 2
        _, redriven = await world.records()
        assert redriven.headers[0] == (ODD, b"v")

    async def test_a_good_record_with_an_odd_name_is_delivered_with_its_neighbours(self, world: World) -> None:
        (ann, first), (_, second), (_, third) = (post("ann", number) for number in range(3))
        await world.write(ann, first)
        await world.write(ann, second, headers=((ODD, None),))
        await world.write(ann, third)
        async with world.consuming() as running:
            await running.committed(3)
        assert world.sink.contents() == {"ann": ["0", "1", "2"]}

    async def test_letters_in_transactions_and_those_that_were_aborted_end_no_listing(self, world: World) -> None:
        await world.write(b"ann", b"{")
        async with world.consuming():
            await world.listed_with(attempts=1, count=1)
        topic = world.sub.dead_letter_topic
        async with AIOKafkaProducer(bootstrap_servers=world.address, transactional_id=topic) as producer:
            for ended in (producer.commit_transaction, producer.abort_transaction):
                await producer.begin_transaction()
                await producer.send_and_wait(topic, b"foreign", partition=0)
                await ended()
        assert len(await world.listed()) == 1
        assert (await world.redrive_all()).redriven == 1


async def test_a_letter_whose_time_the_topic_replaces_is_listed_and_redriven_once(world: World) -> None:
    await world.topics.make(name=world.sub.dead_letter_topic, message_timestamp_type="LogAppendTime")
    written_at = int(time.time() * 1000) - HOUR_MS
    await world.write(b"ann", b"{", timestamp_ms=written_at)
    for crash in range(1, 4):
        async with world.consuming() as running:
            await running.committed(1)
        assert len(await world.records(world.sub.dead_letter_topic)) == crash
        await commit(world.address, world.sub, 0)
    assert len(await world.listed()) == 1
    assert (await world.redrive_all()).redriven == 1
    assert await world.listed() == []
    async with world.consuming() as running:
        (again,) = await world.listed_with(attempts=2, count=1)
    assert again.origin.startswith(f"{world.sub.topic}-0-0@")
    _, redriven = await world.records()
    assert redriven.timestamp == written_at
