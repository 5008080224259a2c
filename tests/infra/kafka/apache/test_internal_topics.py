"""Topics that Kafka marks as internal."""

import pytest

from domain.allowed import TopicNotAllowed
from infra.kafka.clusters import KafkaClusters
from tests.brokers.fixtures import open_topics, subscription
from tests.workers.kafka.consuming import commit


async def test_what_kafka_marks_as_internal_is_no_source_whatever_its_name(apache_broker: str) -> None:
    async with open_topics(apache_broker) as topics:
        sub = subscription(await topics.make())
    await commit(apache_broker, sub, 0)  # the first commit makes Kafka's own topic
    clusters = KafkaClusters({"local": apache_broker})
    assert await clusters.topic("local", sub.topic)
    with pytest.raises(TopicNotAllowed, match=r"'__consumer_offsets' .* is internal to Kafka"):
        await clusters.topic("local", "__consumer_offsets")
