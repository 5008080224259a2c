"""A topic that is replaced, removed or grown while it is consumed, and a group with other members."""

from collections.abc import Awaitable, Callable

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from domain.subscription import ConsumerTask, SubscriptionBroken
from infra.kafka.clusters import KafkaClusters
from tests.brokers.fixtures import Topics, open_topics, subscription
from tests.eventually import eventually
from tests.workers.kafka.consuming import IMPATIENT, Running, consuming, post
from tests.workers.kafka.fakes import RecordingSink
from workers.kafka.client import new_client
from workers.kafka.topic_watch import TopicChanged


async def test_a_topic_recreated_under_a_consumer_is_read_from_its_start_as_another_source(
    apache_broker: str, apache_topics: Topics
) -> None:
    topic = await apache_topics.make()
    sub = subscription(topic)
    await apache_topics.write(topic, *(post("ann", f"old {n}") for n in range(5)))
    sink = RecordingSink()

    async def replace(running: Running) -> None:
        await running.committed(5)
        await apache_topics.remove(topic)
        await eventually(lambda: apache_topics.made_again(topic))
        await apache_topics.write(topic, post("ann", "new"))

    async def consume_until(ended: Callable[[Running], Awaitable[None]]) -> None:
        async with consuming(apache_broker, sub, sink) as running:
            await ended(running)
            await running.until(lambda: sink.count() == 6)

    with pytest.raises(TopicChanged):
        await consume_until(replace)
    await consume_until(lambda running: running.committed(1))
    assert sink.contents() == {"ann": [*(f"old {n}" for n in range(5)), "new"]}
    assert len({batch.source for _, batch in sink.batches}) == 2


async def test_a_topic_that_is_removed_breaks_the_subscription_within_seconds(
    apache_broker: str, apache_topics: Topics
) -> None:
    topic = await apache_topics.make()

    async def lose_the_topic() -> None:
        sub = subscription(topic)
        async with consuming(apache_broker, sub, RecordingSink(), timing=IMPATIENT) as running:
            await running.committed(0)
            await apache_topics.remove(topic)
            await running.until(lambda: False)

    with pytest.raises(SubscriptionBroken, match=f"Topic '{topic}' is not in cluster 'local' any more"):
        await lose_the_topic()


async def test_a_topic_that_was_removed_is_not_created_by_any_client_that_still_names_it(
    apache_broker: str, apache_topics: Topics
) -> None:
    topic = await apache_topics.make()
    clusters = KafkaClusters({"local": apache_broker})
    producer = clusters.producer("local")
    consumer = new_client(ConsumerTask(subscription=subscription(topic), member=0), clusters.connection("local"))
    consumer.assign([TopicPartition(topic, 0)])
    for client in (producer, consumer):
        await client.start()
    await producer.send_and_wait(topic, b"{}")
    await apache_topics.remove(topic)
    await eventually(lambda: is_gone(clusters, topic))
    for client in (producer.client, consumer._client):
        client.add_topic(topic)
        await client.force_metadata_update()
    await apache_topics.make()  # a topic that was asked for before this one would be there too
    assert await clusters.topic("local", topic) is None
    for client in (producer, consumer):
        await client.stop()


async def is_gone(clusters: KafkaClusters, topic: str) -> bool:
    return await clusters.topic("local", topic) is None


async def test_a_topic_that_grows_gets_a_consumer_that_reads_the_new_partitions_too(
    apache_broker: str, apache_topics: Topics
) -> None:
    topic = await apache_topics.make()
    sub = subscription(topic)

    async def grow() -> None:
        async with consuming(apache_broker, sub, RecordingSink()) as running:
            await running.committed(0)
            await add_partitions(apache_broker, topic, 3)
            await running.until(lambda: False)

    with pytest.raises(TopicChanged):
        await grow()
    async with consuming(apache_broker, sub, RecordingSink()) as running:
        await running.until(lambda: running.reported and len(running.progress.partitions) == 3)


async def test_a_partition_that_is_added_to_a_subscription_to_the_latest_records_is_read_from_its_beginning(
    apache_broker: str, apache_topics: Topics
) -> None:
    topic = await apache_topics.make()
    await apache_topics.write(topic, post("ann", "old"))
    sub = subscription(topic, **{"auto.offset.reset": "latest"})
    checkpoint = await KafkaClusters({"local": apache_broker}).checkpoint_at_ends("local", topic, None)
    async with consuming(apache_broker, sub, RecordingSink(), checkpoint=checkpoint) as running:
        await running.committed(1)
    await add_partitions(apache_broker, topic, 3)
    async with open_topics(apache_broker) as topics_with_new_metadata:
        record = post("ann", "written before a consumer knows the partition")
        await topics_with_new_metadata.write(topic, record, partition=2)
    sink = RecordingSink()
    async with consuming(apache_broker, sub, sink, checkpoint=running.progress.checkpoint) as running:
        await running.until(lambda: sink.count() == 1)
    assert sink.contents() == {"ann": ["written before a consumer knows the partition"]}


async def add_partitions(address: str, topic: str, total: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    await admin.create_partitions({topic: NewPartitions(total)})
    await admin.close()


async def test_a_group_that_others_read_with_takes_no_commit_until_they_leave_and_the_progress_shows_it(
    apache_broker: str, apache_topics: Topics
) -> None:
    topic = await apache_topics.make()
    await apache_topics.write(topic, post("ann", 1))
    sub = subscription(topic)
    other = AIOKafkaConsumer(topic, bootstrap_servers=apache_broker, group_id=sub.group, enable_auto_commit=False)
    await other.start()
    sink = RecordingSink()
    async with consuming(apache_broker, sub, sink) as running:
        await running.until(lambda: any("has members that are not ours" in (e or "") for e in running.errors()))
        assert sink.count() == 1
        await other.stop()
        await running.committed(1)
        await running.until(lambda: running.progress.last_error is None)
