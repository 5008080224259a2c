"""A subscription is checked before it is started."""

import uuid

import pytest
from pydantic import ValidationError

from domain.allowed import ClusterAllowance, TopicNotAllowed
from domain.subscription import Subscription, SubscriptionRequest, UnknownSink, UnknownSource
from infra.kafka.clusters import KafkaClusters, check_subscription
from infra.kafka.deadlines import KafkaUnreachable
from tests.brokers.embedded import running_broker
from tests.brokers.fixtures import EVERYTHING, make_topic
from tests.brokers.ports import free_address

SINKS = {"UserFeed": ["processPost"], "PackageTracker": ["registerPackage", "updateLocation"]}


def wanted(source: str, sink: str = "service://UserFeed/processPost") -> Subscription:
    return SubscriptionRequest(source=source, sink=sink).subscription()


async def test_a_missing_topic_is_refused_and_not_created(broker: str) -> None:
    clusters = KafkaClusters({"local": broker})
    topic = f"missing-{uuid.uuid4().hex[:8]}"
    with pytest.raises(UnknownSource, match=f"Topic '{topic}' is not in cluster 'local': create it"):
        await check_subscription(wanted(f"kafka://local/{topic}"), clusters, EVERYTHING, SINKS)
    assert await clusters.topic("local", topic) is None
    await make_topic(broker, topic)
    await check_subscription(wanted(f"kafka://local/{topic}"), clusters, EVERYTHING, SINKS)


async def test_kafka_is_not_asked_about_a_topic_that_is_not_allowed() -> None:
    clusters = KafkaClusters({"local": free_address()})
    with pytest.raises(TopicNotAllowed, match="'payroll-private'"):
        await check_subscription(
            wanted("kafka://local/payroll-private"), clusters, {"local": ClusterAllowance(topics=("posts",))}, SINKS
        )


@pytest.mark.parametrize(
    ("source", "sink", "error", "message"),
    [
        ("kafka://other/posts", "service://UserFeed/processPost", UnknownSource, "'other'; known clusters: local"),
        ("kafka://local/posts", "service://Nobody/run", UnknownSink, "these do: PackageTracker, UserFeed"),
        ("kafka://local/posts", "service://UserFeed/like", UnknownSink, "no handler 'like'; it has: processPost"),
    ],
)
async def test_an_error_names_what_is_unknown_and_what_there_is(
    source: str, sink: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        await check_subscription(wanted(source, sink), KafkaClusters({"local": free_address()}), EVERYTHING, SINKS)


async def test_a_cluster_that_does_not_answer_is_unreachable() -> None:
    clusters = KafkaClusters({"local": free_address()})
    with pytest.raises(KafkaUnreachable, match="'local'"):
        await check_subscription(wanted("kafka://local/posts"), clusters, EVERYTHING, SINKS)


@pytest.mark.parametrize(
    "advertised", ["kafka.invalid:29092", "127.0.0.1:1"], ids=["cannot be resolved", "cannot be reached"]
)
async def test_an_advertised_listener_that_cannot_be_used_is_named(advertised: str) -> None:
    with running_broker(advertised=advertised) as address:
        clusters = KafkaClusters({"local": address})
        with pytest.raises(KafkaUnreachable) as caught:
            await check_subscription(wanted("kafka://local/posts"), clusters, EVERYTHING, SINKS)
    assert f"is advertised as {advertised}, which cannot be reached from here: " in str(caught.value)
    assert "'local'" in str(caught.value)


@pytest.mark.parametrize(
    ("source", "sink", "message"),
    [
        ("posts", "service://UserFeed/processPost", "kafka://CLUSTER/TOPIC"),
        ("kafka://local/posts", "UserFeed/processPost", "service://SERVICE/HANDLER"),
        ("kafka://a.b/posts", "service://UserFeed/processPost", "kafka://CLUSTER/TOPIC"),
        ("kafka://local/" + "x" * 190, "service://UserFeed/processPost", "more than 200 characters"),
    ],
)
def test_a_malformed_request_is_refused_with_the_right_form(source: str, sink: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        wanted(source, sink)
