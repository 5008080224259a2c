"""Commits a group's offsets again while its subscription has no consumers, since Kafka forgets them after a while."""

from aiokafka import TopicPartition

from domain.checkpoint import Checkpoint
from domain.subscription import ConsumerTask, OffsetsToKeep
from infra.kafka.clusters import KafkaClusters
from infra.kafka.deadlines import DEADLINES, answered, started
from workers.kafka.client import commits_of, new_client
from workers.kafka.decisions.beginning import AUTHOR, beginning


async def keep_offsets(clusters: KafkaClusters, keep: OffsetsToKeep, epoch: str | None) -> Checkpoint:
    """Commit where the next consumers will begin, and return it.

    An offset that an operator set during the pause stays theirs, so that a repetition keeps it too. Offsets of a topic
    that is gone or was recreated are left alone. Raises `KafkaUnreachable`, `KafkaError`.
    """
    subscription = keep.subscription
    topic = await clusters.topic(subscription.cluster, subscription.topic)
    if topic is None or (epoch or topic.incarnation) != keep.checkpoint.incarnation:
        return keep.checkpoint
    client = new_client(ConsumerTask(subscription=subscription, member=0), clusters.connection(subscription.cluster))
    tps = [TopicPartition(subscription.topic, number) for number in keep.checkpoint.offsets]
    client.assign(tps)
    client.pause(*tps)  # nothing is fetched
    offsets: dict[TopicPartition, tuple[int, str]] = {}
    async with (
        started(client, subscription.cluster, DEADLINES),
        answered(subscription.cluster, f"a commit for {subscription.topic!r}", DEADLINES.send),
    ):
        for tp, committed in (await commits_of(client, tps)).items():
            kept = keep.checkpoint.offsets[tp.partition]
            offset = beginning(tp.partition, committed, keep.checkpoint)
            offsets[tp] = (kept if offset is None else offset, committed.metadata if committed else AUTHOR)
        await client.commit(offsets)
    begins = {tp.partition: offset for tp, (offset, _) in offsets.items()}
    return Checkpoint(incarnation=keep.checkpoint.incarnation, offsets=begins)
