"""Kafka clusters by name: their topics, and whether a subscription can be served."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, KafkaError, NoError, TopicAlreadyExistsError, for_code

from domain.allowed import ClusterAllowance, TopicNotAllowed, check_allowed, internal
from domain.checkpoint import Checkpoint
from domain.subscription import Subscription, UnknownSink, UnknownSource
from infra.kafka.access import ACCESS_REFUSED, unreachable_listeners, why_unreachable
from infra.kafka.connection import KafkaCluster
from infra.kafka.deadlines import DEADLINES, Deadlines, KafkaUnreachable, answered, ends_within, start_client, started
from infra.kafka.record_parsing import new_consumer
from infra.kafka.record_writing import MAX_REQUEST_BYTES
from infra.kafka.topic_ids import NO_ID, read_topic_metadata

ANY_REPLICATION = -1
"""The broker's default."""


@dataclass(frozen=True)
class Topic:
    incarnation: str
    """Differs from that of a topic of the same name before or after it: the topic's ID, or the cluster's ID if the
    broker has no topic IDs."""
    partitions: int


class KafkaClusters:
    """The clusters that subscriptions may name."""

    def __init__(self, clusters: Mapping[str, KafkaCluster | str], deadlines: Deadlines = DEADLINES) -> None:
        """A string is bootstrap servers without security."""
        self._deadlines = deadlines
        self._clusters = {name: KafkaCluster.model_validate(cluster) for name, cluster in clusters.items()}

    def connection(self, cluster: str) -> dict[str, Any]:
        """Return the arguments of every Kafka client: addresses and credentials. Raises `UnknownSource`."""
        self.must_know(cluster)
        return self._clusters[cluster].connection()

    def must_know(self, cluster: str) -> None:
        """Raises `UnknownSource`."""
        if cluster not in self._clusters:
            known = ", ".join(sorted(self._clusters)) or "none"
            raise UnknownSource(f"Unknown Kafka cluster {cluster!r}; known clusters: {known}.")

    def producer(self, cluster: str) -> AIOKafkaProducer:
        """Return a producer, not started, whose writes are acknowledged by all in-sync replicas."""
        return AIOKafkaProducer(**self.connection(cluster), acks="all", max_request_size=MAX_REQUEST_BYTES)

    async def topic(self, cluster: str, topic: str) -> Topic | None:
        """Describe the topic as it is now; None if there is none.

        Raises `UnknownSource`, `KafkaUnreachable`, and `TopicNotAllowed` for one that Kafka marks as internal.
        """
        async with self._admin(cluster, f"a question about topic {topic!r}", self._deadlines.start) as admin:
            metadata = await read_topic_metadata(admin, topic)
        if metadata is None:
            return None
        if metadata.is_internal:
            raise TopicNotAllowed(internal(cluster, topic))
        incarnation = metadata.cluster_id if metadata.topic_id == NO_ID else str(metadata.topic_id)
        return Topic(incarnation, metadata.partitions)

    async def check(self, cluster: str) -> None:
        """Raises `KafkaUnreachable` if the cluster does not answer, `UnknownSource` if it refuses access."""
        async with self._admin(cluster, "the start of a client", self._deadlines.start):
            return

    async def ensure_dead_letter_topic(self, subscription: Subscription, settings: Mapping[str, str]) -> None:
        """Create the topic if it does not exist, with one partition and Kafka's topic `settings`.

        No other topics are created. Raises `UnknownSource` if it cannot be, `KafkaUnreachable`.
        """
        cluster, topic = subscription.cluster, subscription.dead_letter_topic
        async with self._admin(cluster, f"a request to create topic {topic!r}", self._deadlines.send) as admin:
            if await read_topic_metadata(admin, topic) is not None:
                return
            answer = await admin.create_topics([NewTopic(topic, 1, ANY_REPLICATION, {}, dict(settings))])
        error = for_code(answer.topic_errors[0][1])
        if error not in (NoError, TopicAlreadyExistsError):
            raise UnknownSource(
                f"Topic {topic!r} is not in cluster {cluster!r} and could not be created ({error.__name__})."
            )

    async def checkpoint_at_ends(self, cluster: str, topic: str, epoch: str | None) -> Checkpoint | None:
        """Return the ends of the topic's partitions as they are now, for a group that has no offsets; None if there is
        no such topic.

        `epoch` replaces the topic's incarnation. Raises `UnknownSource`, `KafkaUnreachable`.
        """
        found = await self.topic(cluster, topic)
        if found is None:
            return None
        consumer = new_consumer(**self.connection(cluster), isolation_level="read_committed")
        partitions = [TopicPartition(topic, number) for number in range(found.partitions)]
        try:
            async with (
                started(consumer, cluster, self._deadlines),
                answered(cluster, f"where {topic!r} ends", self._deadlines.start),
            ):
                ends = await consumer.end_offsets(partitions)
        except (KafkaError, KafkaUnreachable) as error:
            raise await self._unusable(cluster, error, consumer._client) from error
        offsets = {tp.partition: end for tp, end in ends.items()}
        incarnation = epoch or found.incarnation
        return Checkpoint(incarnation=incarnation, offsets=offsets, outdated=frozenset(offsets))

    @asynccontextmanager
    async def _admin(self, cluster: str, what: str, seconds: float) -> AsyncIterator[AIOKafkaAdminClient]:
        """Yield a client for `what`, which must be answered within `seconds`."""
        connection = self.connection(cluster)
        timeout_ms = int(self._deadlines.start * 1000)
        admin = AIOKafkaAdminClient(**connection, request_timeout_ms=timeout_ms)
        try:
            async with answered(cluster, what, seconds):
                await start_client(admin, self._deadlines.stop)
                yield admin
        except (KafkaError, KafkaUnreachable) as error:
            raise await self._unusable(cluster, error, admin._client) from error
        finally:
            await ends_within(admin.close(), self._deadlines.stop)

    async def unreachable_listeners(self, cluster: str, client: AIOKafkaClient) -> str:
        """Say which of the addresses that the brokers advertised to `client` cannot be reached; empty if all can."""
        timeout_ms = int(self._deadlines.answer * 1000)
        return await unreachable_listeners(client, self.connection(cluster), timeout_ms)

    async def _unusable(
        self, cluster: str, error: KafkaError | KafkaUnreachable, client: AIOKafkaClient
    ) -> UnknownSource | KafkaUnreachable:
        reason: Exception = error
        if isinstance(error, KafkaConnectionError):
            reason = await why_unreachable(self.connection(cluster), int(self._deadlines.start * 1000)) or error
        if isinstance(reason, ACCESS_REFUSED):
            return UnknownSource(f"Kafka cluster {cluster!r} refuses access: {type(reason).__name__}: {reason}")
        if advertised := await self.unreachable_listeners(cluster, client):
            return KafkaUnreachable(f"Kafka cluster {cluster!r} does not answer. {advertised}")
        if isinstance(reason, KafkaUnreachable):
            return reason
        return KafkaUnreachable(f"Kafka cluster {cluster!r} does not answer: {type(reason).__name__}: {reason}")


async def check_subscription(
    subscription: Subscription,
    clusters: KafkaClusters,
    allowed: Mapping[str, ClusterAllowance],
    sinks: Mapping[str, Collection[str]],
) -> None:
    """Check that a subscription is allowed and can be served. Kafka is asked only about a topic that is allowed.

    `sinks` are the handlers that receive records, by service.
    Raises `UnknownSource`, `UnknownSink`, `NotAllowed`, `KafkaUnreachable`.
    """
    handlers = sinks.get(subscription.service)
    if handlers is None:
        raise UnknownSink(
            f"Service {subscription.service!r} receives no records; these do: {', '.join(sorted(sinks)) or 'none'}."
        )
    if subscription.handler not in handlers:
        raise UnknownSink(
            f"Service {subscription.service!r} has no handler {subscription.handler!r}; "
            f"it has: {', '.join(sorted(handlers))}."
        )
    clusters.must_know(subscription.cluster)
    check_allowed(subscription, allowed)
    if await clusters.topic(subscription.cluster, subscription.topic) is None:
        raise UnknownSource(
            f"Topic {subscription.topic!r} is not in cluster {subscription.cluster!r}: create it, then subscribe."
        )
