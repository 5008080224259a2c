"""Temporal is restored from a backup, and Kafka is not: the group's offsets are beyond what Temporal knows."""

from domain.checkpoint import Checkpoint
from domain.subscription import OffsetsToKeep, Subscription
from infra.kafka.clusters import KafkaClusters
from tests.brokers.fixtures import Topics, subscription
from tests.workers.kafka.apache.test_forgotten_offsets import offset_of
from tests.workers.kafka.consuming import commit, consuming, post
from tests.workers.kafka.fakes import RecordingSink
from workers.kafka.offset_keeper import keep_offsets

WRITTEN = ["first", "second", "third", "fourth"]


async def read_all(broker: str, topics: Topics) -> tuple[Subscription, Checkpoint]:
    """Write and read all, and return the checkpoint as it was after the second record."""
    topic = await topics.make()
    sub = subscription(topic)
    for content in WRITTEN:
        await topics.write(topic, post("ann", content))
    async with consuming(broker, sub, RecordingSink()) as running:
        await running.committed(len(WRITTEN))
    latest = running.progress.checkpoint
    assert latest is not None
    assert latest.offsets == {0: 4}
    return sub, latest.model_copy(update={"offsets": {0: 2}})


async def test_records_between_the_checkpoint_and_the_committed_offset_are_delivered_again(
    apache_broker: str, apache_topics: Topics
) -> None:
    sub, restored = await read_all(apache_broker, apache_topics)
    sink = RecordingSink()
    async with consuming(apache_broker, sub, sink, checkpoint=restored) as running:
        await running.until(lambda: running.reported and running.progress.delivered == 2)
        await running.committed(4)
    assert sink.contents() == {"ann": WRITTEN[2:]}


async def test_an_offset_that_an_operator_set_is_where_a_consumer_begins(
    apache_broker: str, apache_topics: Topics
) -> None:
    sub, restored = await read_all(apache_broker, apache_topics)
    await commit(apache_broker, sub, 3)
    sink = RecordingSink()
    async with consuming(apache_broker, sub, sink, checkpoint=restored) as running:
        await running.committed(4)
    assert sink.contents() == {"ann": WRITTEN[3:]}


async def test_offsets_beyond_the_checkpoint_are_not_kept_during_a_pause(
    apache_broker: str, apache_topics: Topics
) -> None:
    sub, restored = await read_all(apache_broker, apache_topics)
    clusters, keep = KafkaClusters({"local": apache_broker}), OffsetsToKeep(subscription=sub, checkpoint=restored)
    assert await keep_offsets(clusters, keep, None) == restored
    assert await offset_of(apache_broker, sub) == 2


async def test_an_offset_that_an_operator_set_during_a_pause_is_kept_each_time(
    apache_broker: str, apache_topics: Topics
) -> None:
    sub, restored = await read_all(apache_broker, apache_topics)
    await commit(apache_broker, sub, 3)
    clusters, keep = KafkaClusters({"local": apache_broker}), OffsetsToKeep(subscription=sub, checkpoint=restored)
    for _ in range(2):  # Temporal may repeat an attempt whose outcome it did not get
        kept = await keep_offsets(clusters, keep, None)
        assert kept.offsets == {0: 3}
