"""Kafka forgets the offsets of a group that does not commit: here after a minute, by default after 7 days."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from domain.checkpoint import Checkpoint
from domain.subscription import OffsetsToKeep, Subscription
from infra.kafka.clusters import KafkaClusters
from tests.brokers.apache import ApacheKafka
from tests.brokers.fixtures import Topics, subscription
from tests.eventually import eventually
from tests.workers.kafka.consuming import commit, consuming, post
from tests.workers.kafka.fakes import RecordingSink
from workers.kafka.offset_keeper import keep_offsets


@pytest.fixture
def apache_broker(default_kafka: ApacheKafka) -> str:
    """The broker that forgets soon."""
    return default_kafka.address


async def test_offsets_are_kept_while_a_consumer_is_idle_and_known_after_a_pause(
    apache_broker: str, apache_topics: Topics
) -> None:
    topic = await apache_topics.make()
    await apache_topics.write(topic, post("ann", "old"))
    idle, paused, witness = (subscription(topic, **{"group.id": f"{topic}-{name}"}) for name in ("i", "p", "w"))
    async with consuming(apache_broker, paused, RecordingSink()) as before_pause:
        await before_pause.committed(1)
    async with consuming(apache_broker, idle, RecordingSink()) as running:
        await running.committed(1)
        await commit(apache_broker, witness, 1)
        await eventually(lambda: has_forgotten(apache_broker, witness), timeout_seconds=300)
        assert await offset_of(apache_broker, idle) == 1
    assert await offset_of(apache_broker, paused) is None
    await apache_topics.write(topic, post("ann", "new"))
    sink = RecordingSink()
    async with consuming(apache_broker, paused, sink, checkpoint=before_pause.progress.checkpoint) as running:
        await running.committed(2)
    assert sink.contents() == {"ann": ["new"]}


async def test_offsets_of_a_subscription_without_consumers_are_committed_again(
    apache_broker: str, apache_topics: Topics
) -> None:
    topic = await apache_topics.make(partitions=2)
    clusters = KafkaClusters({"local": apache_broker})
    kept = await clusters.checkpoint_at_ends("local", topic, None)
    assert kept
    sub = subscription(topic)
    keep = OffsetsToKeep(subscription=sub, checkpoint=kept)
    assert await keep_offsets(clusters, keep, None) == Checkpoint(incarnation=kept.incarnation, offsets={0: 0, 1: 0})
    assert await offset_of(apache_broker, sub) == 0
    await apache_topics.write(topic, post("ann", 0))
    await commit(apache_broker, sub, 1)
    assert (await keep_offsets(clusters, keep, None)).offsets == {0: 1, 1: 0}, "an operator may reset them"


async def test_offsets_of_a_topic_that_was_recreated_are_not_committed(
    apache_broker: str, apache_topics: Topics
) -> None:
    sub = subscription(await apache_topics.make())
    keep = OffsetsToKeep(subscription=sub, checkpoint=Checkpoint(incarnation="another topic's", offsets={0: 5}))
    assert await keep_offsets(KafkaClusters({"local": apache_broker}), keep, None) == keep.checkpoint
    assert await offset_of(apache_broker, sub) is None


async def has_forgotten(address: str, sub: Subscription) -> bool:
    await asyncio.sleep(1)  # each question is a new client
    return await offset_of(address, sub) is None


async def offset_of(address: str, sub: Subscription) -> int | None:
    """The group's offset of partition 0 in Kafka."""
    consumer = AIOKafkaConsumer(bootstrap_servers=address, group_id=sub.group, enable_auto_commit=False)
    consumer.assign([TopicPartition(sub.topic, 0)])
    await consumer.start()
    try:
        committed: int | None = await consumer.committed(TopicPartition(sub.topic, 0))
        return committed
    finally:
        await consumer.stop()
