"""A subscription, its dead letters, and a way to write some."""

from collections.abc import AsyncIterator

import pytest

from domain.records import Incoming, Poison, Record
from domain.subscription import Subscription
from domain.user_feed import SocialMediaPost
from infra.kafka.clusters import KafkaClusters
from infra.kafka.dead_letter_writer import DeadLetterWriter
from infra.kafka.dead_letters import DeadLetters
from tests.brokers.fixtures import Topics, subscription
from tests.infra.kafka.letters import TIME_MS, TOPIC_ID, Write


@pytest.fixture
def letters(broker: str) -> DeadLetters:
    return DeadLetters(KafkaClusters({"local": broker}))


@pytest.fixture
async def sub(topics: Topics) -> Subscription:
    return subscription(await topics.make(partitions=2))


@pytest.fixture
async def write(broker: str, sub: Subscription) -> AsyncIterator[Write]:
    """Write a record as a dead letter of `sub`, or of another subscription to its topic."""
    writers = {False: DeadLetterWriter(KafkaClusters({"local": broker}), sub)}
    another = sub.model_copy(update={"handler": "another"})
    writers[True] = DeadLetterWriter(KafkaClusters({"local": broker}), another)

    async def write(
        offset: int,
        key: bytes | None = b"ann",
        value: bytes | None = b"{",
        headers: tuple[tuple[str, bytes], ...] = (("own", b"1"),),
        *,
        partition: int = 0,
        for_another: bool = False,
    ) -> Record:
        record = Record(sub.topic, partition, offset, key, value, TIME_MS, headers)
        incoming = Incoming.parse(record, SocialMediaPost)
        source = f"local/{sub.topic}/{TOPIC_ID}/{partition}"
        await writers[for_another].write(incoming, Poison("InvalidJson", "not JSON"), source)
        return record

    yield write
    for writer in writers.values():
        await writer.close()
