"""From a topic into entity workflows, whose histories show what arrived."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from clients.entities import EntityClient
from domain.allowed import ClusterAllowance
from domain.checkpoint import Checkpoint
from domain.inbox import Batch
from domain.plans import Plans
from domain.subscription import (
    ConsumerSnapshot,
    ConsumerTask,
    OffsetsToKeep,
    Subscription,
    SubscriptionBroken,
)
from domain.user_feed import SocialMediaPost
from infra.kafka.clusters import KafkaClusters
from infra.kafka.deadlines import KafkaUnreachable
from infra.readiness import NotReady
from tests.brokers.fixtures import EVERYTHING, Topics, subscription
from tests.brokers.ports import free_address
from tests.eventually import eventually
from workers.kafka.ingress import KafkaIngress
from workers.kafka.running import RunningConsumers

POST = b'{"content": "hello", "metadata": ""}'

Received = Callable[[str], Awaitable[Batch[SocialMediaPost]]]


@pytest.fixture
async def received(time_skipping: WorkflowEnvironment) -> AsyncIterator[Received]:
    """The batch that came with the start of a user's feed. No worker runs; Temporal stores it anyway."""
    handles: list[WorkflowHandle[object, object]] = []
    client = time_skipping.client

    async def received(user: str) -> Batch[SocialMediaPost]:
        handle: WorkflowHandle[object, object] = client.get_workflow_handle(f"user-feed:{user}")
        async for event in handle.fetch_history_events():
            if event.HasField("workflow_execution_signaled_event_attributes"):
                handles.append(handle)
                signal = event.workflow_execution_signaled_event_attributes
                assert signal.signal_name == "posts_received"
                (batch,) = await client.data_converter.decode(signal.input.payloads, [Batch[SocialMediaPost]])
                return batch  # type: ignore[no-any-return]
        raise AssertionError("no signal")

    yield received
    for handle in handles:
        await handle.terminate()


@asynccontextmanager
async def running(ingress: KafkaIngress, sub: Subscription) -> AsyncIterator[Callable[[int], Awaitable[object]]]:
    """Run a consumer; yields a wait until it has committed an offset."""
    stop = asyncio.Event()
    reports: list[ConsumerSnapshot] = []
    consuming = asyncio.create_task(ingress.run(ConsumerTask(subscription=sub, member=0), reports.append, stop))

    async def committed(offset: int) -> None:
        await eventually(
            lambda: consuming.done() or (reports and [p.committed for p in reports[-1].partitions] == [offset])
        )

    yield committed
    stop.set()
    await consuming


async def test_a_record_reaches_the_entity_of_its_key_with_its_coordinates(
    time_skipping: WorkflowEnvironment, broker: str, topics: Topics, received: Received
) -> None:
    topic = await topics.make()
    user = f"user-of-{topic}"
    await topics.write(topic, (user.encode(), POST), (user.encode(), POST))
    ingress = KafkaIngress(EntityClient(time_skipping.client, Plans()), {"local": broker}, EVERYTHING, None)
    async with running(ingress, subscription(topic)) as committed:
        await committed(2)
    batch = await received(user)
    assert batch.messages[0].id == f"{topic}-0-0"
    assert batch.messages[0].body == SocialMediaPost(content="hello", metadata="")
    made = await KafkaClusters({"local": broker}).topic("local", topic)
    assert made
    assert batch.source == f"local/{topic}/{made.incarnation}/0"


async def test_a_configured_epoch_replaces_the_topics_id(
    time_skipping: WorkflowEnvironment, broker: str, topics: Topics, received: Received
) -> None:
    topic = await topics.make()
    user = f"user-of-{topic}"
    await topics.write(topic, (user.encode(), POST))
    ingress = KafkaIngress(EntityClient(time_skipping.client, Plans()), {"local": broker}, EVERYTHING, "2026b")
    async with running(ingress, subscription(topic)) as committed:
        await committed(1)
    assert (await received(user)).source == f"local/{topic}/2026b/0"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cluster": "elsewhere"}, "Unknown Kafka cluster 'elsewhere'; known clusters: local"),
        ({"service": "Nobody"}, "This worker has no Nobody/processPost"),
        ({"handler": "like"}, "This worker has no UserFeed/like"),
    ],
)
async def test_a_subscription_that_this_worker_cannot_serve_is_broken(
    time_skipping: WorkflowEnvironment, broker: str, change: dict[str, str], message: str
) -> None:
    ingress = KafkaIngress(EntityClient(time_skipping.client, Plans()), {"local": broker}, EVERYTHING, None)
    sub = subscription("posts").model_copy(update=change)
    with pytest.raises(SubscriptionBroken, match=message):
        await ingress.run(ConsumerTask(subscription=sub, member=0), lambda progress: None, asyncio.Event())


@pytest.mark.parametrize(
    ("topic", "allowed", "message"),
    [
        ("payroll", {"local": ClusterAllowance(topics=("posts",))}, "KAFKA_ALLOWED .*'payroll'.* it has: posts"),
        ("payroll", {}, "KAFKA_ALLOWED .* it has: none.* Delete the subscription, or resume it once it is allowed"),
        (
            "posts",
            {"local": ClusterAllowance.model_validate({"topics": ["*"], "deadLetterTopics": []})},
            r"'posts\.dead-letter'",
        ),
        ("__consumer_offsets", EVERYTHING, "internal"),
        ("posts.dead-letter", EVERYTHING, "dead letters"),
    ],
)
async def test_a_subscription_that_is_not_allowed_any_more_is_broken_before_kafka_is_asked(
    time_skipping: WorkflowEnvironment, topic: str, allowed: dict[str, ClusterAllowance], message: str
) -> None:
    entities = EntityClient(time_skipping.client, Plans())
    ingress = KafkaIngress(entities, {"local": free_address()}, allowed, None)
    task = ConsumerTask(subscription=subscription(topic), member=0)
    with pytest.raises(SubscriptionBroken, match=message):
        await ingress.run(task, lambda progress: None, asyncio.Event())


async def test_a_group_that_is_not_allowed_any_more_gets_no_offsets(time_skipping: WorkflowEnvironment) -> None:
    """Kafka would not answer: it is not asked."""
    allowed = {"local": ClusterAllowance(topics=("posts",))}
    ingress = KafkaIngress(EntityClient(time_skipping.client, Plans()), {"local": free_address()}, allowed, None)
    sub = subscription("posts", **{"group.id": "payments-service"})
    keep = OffsetsToKeep(subscription=sub, checkpoint=Checkpoint(incarnation="id", offsets={0: 3}))
    assert await ingress.keep_offsets(keep) == keep.checkpoint


async def test_a_worker_whose_consumers_cannot_reach_their_broker_is_not_ready(
    time_skipping: WorkflowEnvironment,
) -> None:
    consumers = RunningConsumers()
    await consumers.check()
    entities = EntityClient(time_skipping.client, Plans())
    ingress = KafkaIngress(entities, {"local": free_address()}, EVERYTHING, None, consumers=consumers)
    task = ConsumerTask(subscription=subscription("posts"), member=0)
    with pytest.raises(KafkaUnreachable):
        await ingress.run(task, lambda progress: None, asyncio.Event())
    with pytest.raises(NotReady, match=r"local\.posts-UserFeed\.processPost, consumer 1: .*KafkaUnreachable"):
        await consumers.check()
