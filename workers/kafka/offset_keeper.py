"""Commits a group's offsets again while its subscription has no consumers, since Kafka forgets them after a while."""

from aiokafka import TopicPartition

from domain.subscription import Checkpoint, ConsumerTask, OffsetsToKeep
from infra.kafka.clusters import KafkaClusters
from infra.kafka.deadlines import DEADLINES, answered, started
from workers.kafka.client import new_client


async def keep_offsets(clusters: KafkaClusters, keep: OffsetsToKeep, epoch: str | None) -> Checkpoint:
    """Commit what the group has, and where it has nothing what is kept. Return what was committed.

    The group's offsets come first, because an operator may reset them during a pause. Those of a topic that is gone or
    was recreated are left alone. Raises `KafkaUnreachable`, `KafkaError`.
    """
    subscription = keep.subscription
    topic = await clusters.topic(subscription.cluster, subscription.topic)
    if topic is None or (epoch or topic.incarnation) != keep.checkpoint.incarnation:
        return keep.checkpoint
    client = new_client(ConsumerTask(subscription=subscription, member=0), clusters.connection(subscription.cluster))
    tps = [TopicPartition(subscription.topic, number) for number in keep.checkpoint.offsets]
    client.assign(tps)
    client.pause(*tps)  # nothing is fetched
    offsets: dict[int, int] = {}
    async with (
        started(client, subscription.cluster, DEADLINES),
        answered(subscription.cluster, f"a commit for {subscription.topic!r}", DEADLINES.send),
    ):
        for number, kept in keep.checkpoint.offsets.items():
            committed = await client.committed(TopicPartition(subscription.topic, number))
            offsets[number] = kept if committed is None else committed
        await client.commit({TopicPartition(subscription.topic, number): at for number, at in offsets.items()})
    return Checkpoint(incarnation=keep.checkpoint.incarnation, offsets=offsets)
