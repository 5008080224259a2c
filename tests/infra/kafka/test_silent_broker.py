"""Listing, redriving and writing dead letters end in time, whatever the broker does not answer."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from domain.records import Incoming, Poison, Record
from domain.subscription import Subscription
from infra.kafka.clusters import KafkaClusters
from infra.kafka.dead_letter_writer import DeadLetterWriter
from infra.kafka.dead_letters import Cursor, DeadLetters
from infra.kafka.deadlines import Deadlines, KafkaUnreachable
from tests.brokers.fixtures import make_topic, subscription
from tests.brokers.silent import Api, SilentBroker, silent_broker

DEADLINES = Deadlines(start=1.0, answer=1.0, send=1.0, stop=0.5, listing=4.0, redrive=4.0)
"""In seconds: short enough for a test."""
NOT_JSON = Poison("InvalidJson", "not JSON")


def poison(sub: Subscription, offset: int) -> Incoming:
    return Incoming(Record(sub.topic, 0, offset, b"ann", b"{", -1, ()), None, "ann", NOT_JSON)


@pytest.fixture
async def silent() -> AsyncIterator[SilentBroker]:
    async with silent_broker() as silent:
        yield silent


@pytest.fixture
async def sub(silent: SilentBroker) -> Subscription:
    """A subscription with one dead letter."""
    sub = subscription("orders")
    clusters = KafkaClusters({"local": silent.address})
    await make_topic(silent.address, sub.topic)
    writer = DeadLetterWriter(clusters, sub)
    await writer.write(poison(sub, 7), NOT_JSON, "local/orders/id/0")
    await writer.close()
    return sub


@pytest.fixture
def letters(silent: SilentBroker) -> DeadLetters:
    return DeadLetters(KafkaClusters({"local": silent.address}, DEADLINES), DEADLINES)


async def failure(call: Any) -> str:
    """The error with which the call gives up, which it does in bounded time."""
    began = time.monotonic()
    with pytest.raises(KafkaUnreachable) as caught:
        async with asyncio.timeout(60):
            await call
    assert time.monotonic() - began < 60
    return str(caught.value)


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (Api.FETCH, "a fetch from orders.dead-letter, partition 0"),
        (Api.METADATA, "orders.dead-letter"),
        (Api.API_VERSIONS, "orders.dead-letter"),
    ],
    ids=lambda value: value.name.lower() if isinstance(value, Api) else "",
)
async def test_a_listing_ends_and_names_what_was_not_answered(
    silent: SilentBroker, sub: Subscription, letters: DeadLetters, kind: Api, what: str
) -> None:
    assert [letter.source_offset for letter in (await letters.page(sub, Cursor(), 50)).letters] == [7]
    silent.unanswered = {kind}
    message = await failure(letters.page(sub, Cursor(), 50))
    assert "Kafka cluster 'local'" in message
    assert what in message


async def test_a_listing_from_beyond_the_end_ends_when_the_position_is_not_answered(
    silent: SilentBroker, sub: Subscription, letters: DeadLetters
) -> None:
    silent.unanswered = {Api.FETCH, Api.LIST_OFFSETS}
    assert "orders.dead-letter" in await failure(letters.page(sub, Cursor(after=1_000), 50))


async def test_a_listing_ends_when_the_broker_stops_reading(
    silent: SilentBroker, sub: Subscription, letters: DeadLetters
) -> None:
    silent.reads = False
    assert "Kafka cluster 'local'" in await failure(letters.page(sub, Cursor(), 50))
    silent.reads = True


async def test_a_redrive_ends_when_the_record_is_not_accepted_and_can_be_repeated(
    silent: SilentBroker, sub: Subscription, letters: DeadLetters
) -> None:
    silent.unanswered = {Api.PRODUCE}
    assert "a write to orders" in await failure(letters.redrive_all(sub))
    silent.unanswered = set()
    assert (await letters.redrive_all(sub)).redriven == 1


async def test_a_redrive_that_waits_for_another_ends_too(
    silent: SilentBroker, sub: Subscription, letters: DeadLetters
) -> None:
    silent.unanswered = {Api.FETCH}
    messages = await asyncio.gather(*(failure(letters.redrive_all(sub)) for _ in range(8)))
    assert any("another redrive" in text for text in messages)


async def test_a_write_of_poison_ends_when_the_broker_does_not_accept_it(
    silent: SilentBroker, sub: Subscription
) -> None:
    writer = DeadLetterWriter(KafkaClusters({"local": silent.address}, DEADLINES), sub, DEADLINES)
    silent.unanswered = {Api.PRODUCE}
    assert "a write to orders.dead-letter" in await failure(writer.write(poison(sub, 8), NOT_JSON, "local/orders/id/0"))
    await writer.close()
