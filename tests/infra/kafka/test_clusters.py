"""A subscription is checked before it is started."""

import uuid

import pytest
from pydantic import ValidationError

from domain.subscription import Subscription, SubscriptionRequest, UnknownSink, UnknownSource
from infra.kafka.clusters import KafkaClusters, check_subscription
from infra.kafka.deadlines import KafkaUnreachable
from tests.brokers.embedded import running_broker
from tests.brokers.ports import free_address

SINKS = {"UserFeed": ["processPost"], "PackageTracker": ["registerPackage", "updateLocation"]}


def wanted(source: str, sink: str = "service://UserFeed/processPost") -> Subscription:
    return SubscriptionRequest(source=source, sink=sink).subscription()


async def test_a_missing_topic_is_created(broker: str) -> None:
    clusters = KafkaClusters({"local": broker})
    topic = f"made-{uuid.uuid4().hex[:8]}"
    assert await clusters.topic("local", topic) is None
    await check_subscription(wanted(f"kafka://local/{topic}"), clusters, SINKS)
    first = await clusters.topic("local", topic)
    await check_subscription(wanted(f"kafka://local/{topic}"), clusters, SINKS)
    assert first is not None
    assert await clusters.topic("local", topic) == first


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
        await check_subscription(wanted(source, sink), KafkaClusters({"local": free_address()}), SINKS)


async def test_a_cluster_that_does_not_answer_is_unreachable() -> None:
    clusters = KafkaClusters({"local": free_address()})
    with pytest.raises(KafkaUnreachable, match="'local'"):
        await check_subscription(wanted("kafka://local/posts"), clusters, SINKS)


@pytest.mark.parametrize(
    "advertised", ["kafka.invalid:29092", "127.0.0.1:1"], ids=["cannot be resolved", "cannot be reached"]
)
async def test_an_advertised_listener_that_cannot_be_used_is_named(advertised: str) -> None:
    with running_broker(advertised=advertised) as address:
        clusters = KafkaClusters({"local": address})
        with pytest.raises(KafkaUnreachable) as caught:
            await check_subscription(wanted("kafka://local/posts"), clusters, SINKS)
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
