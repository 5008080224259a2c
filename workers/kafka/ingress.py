"""The Kafka ingress as the workers run it: from topics to entity workflows."""

import asyncio
from collections.abc import Callable, Mapping

from clients.entities import EntityClient
from domain.allowed import ClusterAllowance, check_allowed
from domain.checkpoint import Checkpoint
from domain.errors import NotAllowed, Refusal
from domain.pattern import Entity
from domain.patterns import ENTITIES
from domain.subscription import (
    ConsumerSnapshot,
    ConsumerTask,
    OffsetsToKeep,
    Subscription,
    SubscriptionBroken,
    UnknownSink,
)
from infra.kafka.access import ACCESS_REFUSED
from infra.kafka.clusters import KafkaClusters
from infra.kafka.connection import KafkaCluster
from infra.kafka.dead_letter_writer import DeadLetterWriter
from workers.kafka.consumer import TopicConsumer
from workers.kafka.decisions.lanes import Limits
from workers.kafka.decisions.memory import Memory, Share
from workers.kafka.delivery import Destination
from workers.kafka.entity_sink import EntitySink
from workers.kafka.offset_keeper import keep_offsets
from workers.kafka.running import RunningConsumers


class KafkaIngress:
    """Runs the consumers of subscriptions."""

    def __init__(
        self,
        entities: EntityClient,
        clusters: Mapping[str, KafkaCluster | str],
        allowed: Mapping[str, ClusterAllowance],
        epoch: str | None,
        *,
        memory: Memory | None = None,
        consumers: RunningConsumers | None = None,
    ) -> None:
        """`clusters` are those that subscriptions may name, `allowed` is what they may name of each; `epoch` replaces
        topic IDs; `memory` is for all consumers of this process, and `consumers` learns how they do."""
        self._memory = memory or Memory()
        self._consumers = consumers or RunningConsumers()
        self._entities = entities
        self._clusters = KafkaClusters(clusters)
        self._allowed = allowed
        self._epoch = epoch

    async def run(self, task: ConsumerTask, report: Callable[[ConsumerSnapshot], None], stop: asyncio.Event) -> None:
        """Run one consumer until `stop` is set. Raises `SubscriptionBroken` for what only an operator can fix."""
        with self._consumers.running(task, report) as noting:
            await self._run(task, noting, stop)

    async def _run(self, task: ConsumerTask, report: Callable[[ConsumerSnapshot], None], stop: asyncio.Event) -> None:
        subscription = task.subscription
        dead_letters = DeadLetterWriter(self._clusters, subscription)
        try:
            self._clusters.must_know(subscription.cluster)
            check_allowed(subscription, self._allowed)
            with self._memory.share() as share:
                destination = self._destination(subscription, dead_letters, share)
                await TopicConsumer(task, self._clusters, self._epoch, destination, report).run(stop)
        except NotAllowed as refusal:
            raise SubscriptionBroken(
                f"{refusal} Delete the subscription, or resume it once it is allowed."
            ) from refusal
        except Refusal as refusal:
            raise SubscriptionBroken(str(refusal)) from refusal
        except ACCESS_REFUSED as error:
            raise SubscriptionBroken(
                f"Kafka cluster {subscription.cluster!r} refuses access: {type(error).__name__}: {error}. "
                "Fix the credentials or permissions, then resume the subscription."
            ) from error
        finally:
            await dead_letters.close()

    async def keep_offsets(self, keep: OffsetsToKeep) -> Checkpoint:
        """Commit the offsets again, unless the settings do not allow the subscription any more.

        Raises `Refusal`, `KafkaUnreachable`, `KafkaError`.
        """
        try:
            check_allowed(keep.subscription, self._allowed)
        except NotAllowed:
            return keep.checkpoint
        return await keep_offsets(self._clusters, keep, self._epoch)

    def _destination(self, subscription: Subscription, dead_letters: DeadLetterWriter, share: Share) -> Destination:
        entity = _entity(subscription)
        options = subscription.options
        return Destination(
            sink=EntitySink(self._entities, entity, subscription.handler),
            dead_letters=dead_letters,
            body=entity.handlers[subscription.handler].body,
            limits=Limits(options.max_in_flight, options.max_batch, share=share),
            key_format=options.key_format,
            subscription=subscription.name,
        )


def _entity(subscription: Subscription) -> Entity:
    entity = ENTITIES.get(subscription.service)
    if entity is None or subscription.handler not in entity.handlers:
        raise UnknownSink(f"This worker has no {subscription.service}/{subscription.handler}.")
    return entity.of(subscription.tenant)
