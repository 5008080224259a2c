"""From a topic into entity workflows, whose histories show what arrived."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from domain.inbox import Batch
from domain.subscription import ConsumerProgress, ConsumerTask, Subscription, SubscriptionBroken
from domain.user_feed import ModerationPlan, SocialMediaPost
from infra.kafka.clusters import KafkaClusters
from tests.brokers.fixtures import Topics, subscription
from tests.eventually import eventually
from workers.kafka.entity_sink import is_refusal
from workers.kafka.ingress import KafkaIngress
from workflows.user_feed import entity

ENTITIES = {"UserFeed": entity(ModerationPlan())}
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
    reports: list[ConsumerProgress] = []
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
    ingress = KafkaIngress(time_skipping.client, {"local": broker}, ENTITIES, None)
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
    ingress = KafkaIngress(time_skipping.client, {"local": broker}, ENTITIES, "2026b")
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
    ingress = KafkaIngress(time_skipping.client, {"local": broker}, ENTITIES, None)
    sub = subscription("posts").model_copy(update=change)
    with pytest.raises(SubscriptionBroken, match=message):
        await ingress.run(ConsumerTask(subscription=sub, member=0), lambda progress: None, asyncio.Event())


@pytest.mark.parametrize(
    ("status", "message", "final"),
    [
        (RPCStatusCode.INVALID_ARGUMENT, "Blob data size exceeds limit.", True),
        (RPCStatusCode.INVALID_ARGUMENT, "exceeded workflow execution limit for signal events", False),
        (RPCStatusCode.INVALID_ARGUMENT, "Namespace default has no mapping defined for search attribute Key", False),
        (RPCStatusCode.UNAVAILABLE, "connection refused", False),
        (RPCStatusCode.RESOURCE_EXHAUSTED, "namespace rate limit exceeded", False),
        (RPCStatusCode.PERMISSION_DENIED, "Request unauthorized.", False),
    ],
)
def test_only_what_temporal_would_refuse_each_time_is_a_refusal(
    status: RPCStatusCode, message: str, final: bool
) -> None:
    assert is_refusal(RPCError(message, status, b"")) is final
