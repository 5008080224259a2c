"""Kafka clusters by name: which topics there are, and whether a subscription can work."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError, KafkaError, NoError, TopicAlreadyExistsError, for_code

from domain.subscription import Subscription, UnknownSink, UnknownSource
from infra.kafka.access import ACCESS_REFUSED, why_unreachable
from infra.kafka.connection import KafkaCluster
from infra.kafka.deadlines import DEADLINES, Deadlines, KafkaUnreachable, ends_within, not_answered
from infra.kafka.topic_ids import NO_ID, read_topic_metadata

ANY_REPLICATION = -1
"""The broker's own default."""


@dataclass(frozen=True)
class Topic:
    incarnation: str
    """Tells it from a topic of the same name before or after it: its ID; the cluster's, for brokers that give topics
    none."""
    partitions: int


class KafkaClusters:
    """The clusters that subscriptions may name, with their bootstrap servers."""

    def __init__(self, clusters: Mapping[str, KafkaCluster | str], deadlines: Deadlines = DEADLINES) -> None:
        """Strings are bootstrap servers without security."""
        self._deadlines = deadlines
        self._clusters = {name: KafkaCluster.model_validate(cluster) for name, cluster in clusters.items()}

    def connection(self, cluster: str) -> dict[str, Any]:
        """What every Kafka client is made with: addresses and credentials. Raises `UnknownSource`."""
        if cluster not in self._clusters:
            known = ", ".join(sorted(self._clusters)) or "none"
            raise UnknownSource(f"Unknown Kafka cluster {cluster!r}; known are: {known}.")
        return self._clusters[cluster].connection()

    async def topic(self, cluster: str, topic: str) -> Topic | None:
        """What the topic is like now; None if there is none. Raises `UnknownSource`, `KafkaUnreachable`."""
        async with self._admin(cluster, f"a question about topic {topic!r}", self._deadlines.start) as admin:
            metadata = await read_topic_metadata(admin, topic)
        if metadata is None:
            return None
        incarnation = metadata.cluster_id if metadata.topic_id == NO_ID else str(metadata.topic_id)
        return Topic(incarnation, metadata.partitions)

    async def ensure_topic(self, cluster: str, topic: str, settings: Mapping[str, str] | None = None) -> None:
        """Make the topic, with one partition and Kafka's topic `settings`, if it does not exist.

        Raises `UnknownSource` if it cannot be made, `KafkaUnreachable`.
        """
        async with self._admin(cluster, f"a request to create topic {topic!r}", self._deadlines.send) as admin:
            if await read_topic_metadata(admin, topic) is not None:
                return
            answer = await admin.create_topics([NewTopic(topic, 1, ANY_REPLICATION, {}, dict(settings or {}))])
            topics = sorted(await admin.list_topics())
        error = for_code(answer.topic_errors[0][1])
        if error not in (NoError, TopicAlreadyExistsError):
            raise UnknownSource(
                f"Topic {topic!r} is not in cluster {cluster!r} and could not be made ({error.__name__}); "
                f"there are: {', '.join(topics[:50]) or 'none'}."
            )

    @asynccontextmanager
    async def _admin(self, cluster: str, what: str, seconds: float) -> AsyncIterator[AIOKafkaAdminClient]:
        """A client for `what`, which has to be answered within `seconds`."""
        connection = self.connection(cluster)
        timeout_ms = int(self._deadlines.start * 1000)
        admin = AIOKafkaAdminClient(**connection, request_timeout_ms=timeout_ms)
        try:
            async with asyncio.timeout(seconds):
                await admin.start()
                yield admin
        except KafkaError as error:
            reason: Exception | None = error
            if isinstance(error, KafkaConnectionError):
                reason = await why_unreachable(connection, timeout_ms)
            raise _unusable(cluster, reason or error) from error
        except TimeoutError as error:
            raise not_answered(cluster, what, seconds) from error
        finally:
            await ends_within(admin.close(), self._deadlines.stop)


def _unusable(cluster: str, reason: Exception) -> UnknownSource | KafkaUnreachable:
    told = f"{type(reason).__name__}: {reason}"
    if isinstance(reason, ACCESS_REFUSED):
        return UnknownSource(f"Kafka cluster {cluster!r} refuses access: {told}")
    return KafkaUnreachable(f"Kafka cluster {cluster!r} does not answer: {told}")


async def check_subscription(
    subscription: Subscription, clusters: KafkaClusters, sinks: Mapping[str, Collection[str]]
) -> None:
    """Check that a subscription can work, and make its topic if it is missing.

    `sinks` are the handlers by service that take records. Raises `UnknownSource`, `UnknownSink`, `KafkaUnreachable`.
    """
    handlers = sinks.get(subscription.service)
    if handlers is None:
        raise UnknownSink(
            f"Service {subscription.service!r} takes no records; these do: {', '.join(sorted(sinks)) or 'none'}."
        )
    if subscription.handler not in handlers:
        raise UnknownSink(
            f"Service {subscription.service!r} has no handler {subscription.handler!r}; "
            f"it has: {', '.join(sorted(handlers))}."
        )
    await clusters.ensure_topic(subscription.cluster, subscription.topic)
