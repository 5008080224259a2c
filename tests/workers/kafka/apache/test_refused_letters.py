"""Letters that the dead-letter topic refuses, and redriven records that their topic refuses."""

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from domain.subscription import SubscriptionBroken
from infra.kafka.dead_letters import LetterOutcome
from tests.brokers.fixtures import Topics
from tests.workers.kafka.apache.letters import MIB, ODD, World, open_world
from tests.workers.kafka.consuming import post

HOUR_MS = 3_600_000


Record = dict[str, Any]


def incompressible(size: int) -> bytes:
    return random.Random(1).randbytes(size)


REFUSALS: dict[str, tuple[dict[str, Any], Callable[[], Record], set[str]]] = {
    "a long key": ({}, lambda: {"key": incompressible(1_048_400), "value": b"{"}, {"value", "key"}),
    "a long value": ({}, lambda: {"key": b"\xff", "value": incompressible(2 * MIB)}, {"value"}),
    "long headers": (
        {},
        lambda: {"key": b"ann", "value": b"{", "headers": (("h", incompressible(MIB)),)},
        {"value", "headers"},
    ),
    "all of them": (
        {"max_message_bytes": "2000"},
        lambda: {
            "key": incompressible(3_000),
            "value": incompressible(3_000),
            "headers": ((ODD, incompressible(3_000)),),
        },
        {"value", "headers", "key"},
    ),
    "a large value that compresses": ({}, lambda: {"key": b"ann", "value": b"{" + b"x" * (4 * MIB)}, set()),
    "an old timestamp": (
        {"message_timestamp_before_max_ms": str(HOUR_MS)},
        lambda: {"key": b"ann", "value": b"{", "timestamp_ms": int(time.time() * 1000) - 5 * HOUR_MS},
        set(),
    ),
    "a future timestamp": ({}, lambda: {"key": b"ann", "value": b"{", "timestamp_ms": 4_102_444_800_000}, set()),
    "no key": ({"cleanup_policy": "compact"}, lambda: {"key": None, "value": b"{"}, set()),
    "no key, and too large": (
        {"cleanup_policy": "compact", "max_message_bytes": "2000"},
        lambda: {"key": None, "value": incompressible(5_000)},
        {"value"},
    ),
    "a long key where one is required": (
        {"cleanup_policy": "compact", "max_message_bytes": "2000"},
        lambda: {"key": incompressible(5_000), "value": None},
        {"key"},
    ),
    "a small topic": (
        {"max_message_bytes": "900"},
        lambda: {"key": b"ann", "value": b"{" + incompressible(5_000)},
        {"value"},
    ),
}
"""Settings of the dead-letter topic, the record, and what its letter omits."""


class TestRefusedLetters:
    @pytest.mark.parametrize("case", REFUSALS.values(), ids=REFUSALS.keys())
    async def test_a_letter_that_is_refused_omits_what_it_must_and_the_partition_goes_on(
        self, world: World, case: tuple[dict[str, Any], Callable[[], Record], set[str]]
    ) -> None:
        settings, make, omitted = case
        record = make()
        await world.topics.make(name=world.sub.dead_letter_topic, **settings)
        await world.write(**record)
        await world.write(*post("ann", "next"))
        async with world.consuming() as running:
            await running.committed(2)
        (letter,) = await world.listed()
        said = {part for part in ("value", "headers", "key") if f"dead-letter.{part}.omitted" in letter.added_headers}
        assert said == omitted
        assert letter.record_key == (None if "key" in omitted else record["key"])
        if "value" not in omitted:
            assert letter.value == (record["value"] or letter.value)
        if "timestamp_ms" in record:
            assert letter.record_timestamp_ms == record["timestamp_ms"]
        outcome = await world.redrive_all()
        assert (outcome.redriven, outcome.count(LetterOutcome.WITHOUT_VALUE)) == ((0, 1) if omitted else (1, 0))

    async def test_letters_that_fit_alone_are_whole_even_if_their_batch_is_too_large(self, world: World) -> None:
        await world.topics.make(name=world.sub.dead_letter_topic, max_message_bytes="1500")
        values = [b"{" + incompressible(300) + b"%d" % number for number in range(20)]
        for value in values:
            await world.write(b"ann", value)
        async with world.consuming() as running:
            await running.committed(20)
        assert {letter.value for letter in await world.listed()} == set(values)

    async def test_a_letter_that_cannot_be_kept_at_all_breaks_the_subscription_and_its_record_is_not_committed(
        self, world: World
    ) -> None:
        await world.topics.make(name=world.sub.dead_letter_topic, max_message_bytes="100")
        await world.write(*post("ann", "before"))
        await world.write(b"ann", b"{")

        async def consume() -> None:
            async with world.consuming() as running:
                await running.until(lambda: False)

        with pytest.raises(SubscriptionBroken, match=rf"{world.sub.topic}-0-1 .*MessageSizeTooLargeError"):
            await consume()
        assert world.sink.contents() == {"ann": ["before"]}


class TestRefusedRedrives:
    async def test_a_record_that_its_topic_refuses_stays_pending_and_the_others_are_redriven(
        self, world: World
    ) -> None:
        small = await world.topics.make(max_message_bytes="2000")
        async with open_world(world.address, world.topics, small) as refusing:
            for value in (b"{0", b"{" + incompressible(1_850), b"{2"):
                await refusing.write(b"ann", value)
            async with refusing.consuming():
                await refusing.listed_with(attempts=1, count=3)
            outcome = await refusing.redrive_all()
            assert (outcome.redriven, outcome.count(LetterOutcome.REFUSED)) == (2, 1)
            assert [letter.source_offset for letter in await refusing.listed()] == [1]
            assert [record.value for record in (await refusing.records())[3:]] == [b"{0", b"{2"]

    async def test_a_record_whose_timestamp_is_refused_by_now_is_redriven_with_the_present_one(
        self, world: World
    ) -> None:
        old = int(time.time() * 1000) - 5 * HOUR_MS
        await world.write(b"ann", b"{", timestamp_ms=old)
        async with world.consuming():
            await world.listed_with(attempts=1, count=1)
        await world.topics.change(world.sub.topic, message_timestamp_before_max_ms=str(HOUR_MS))
        assert (await world.redrive_all()).redriven == 1
        _, redriven = await world.records()
        assert redriven.timestamp > old
        assert ("dead-letter.timestamp", str(old).encode()) in redriven.headers


async def test_a_dead_letter_topic_that_cannot_be_made_is_reported_and_not_logged_for_each_attempt(
    apache_broker: str, apache_topics: Topics, caplog: pytest.LogCaptureFixture
) -> None:
    """Its name would be longer than the 249 characters that Kafka allows."""
    topic = await apache_topics.make(name="t" * 240)
    async with open_world(apache_broker, apache_topics, topic) as world:
        await world.write(*post("ann", "before"))
        for _ in range(20):
            await world.write(b"ann", b"{")
        await world.write(*post("ann", "after"))
        async with world.consuming() as running:
            await running.until(lambda: any("could not be created" in (error or "") for error in running.errors()))
            await running.until(lambda: world.sink.contents() == {"ann": ["before", "after"]})
            reports = len(running.errors())
            await running.until(lambda: len(running.errors()) > reports + 3)
        assert await world.listed() == []
    ours = [line for name, _, line in caplog.record_tuples if name == "workers.kafka.delivery" and "fails" in line]
    assert 1 <= len(ours) <= 5, "one line, then at growing distance"
    assert "Create it with retention.ms=-1" in ours[0]
