"""The ingress as the workers run it: topics to entity workflows."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import Refusal
from domain.inbox import Batch
from domain.subscription import ConsumerProgress, ConsumerTask, Subscription, SubscriptionBroken, UnknownSink
from infra.kafka.access import ACCESS_REFUSED
from infra.kafka.clusters import KafkaClusters
from infra.kafka.connection import KafkaCluster
from infra.kafka.dead_letter_writer import DeadLetterTopic
from workers.kafka.consumer import TopicConsumer
from workers.kafka.decisions.lanes import Limits
from workers.kafka.delivery import BatchRefused, Route
from workflows.entity import Entity

NOT_THE_RECORDS_FAULT = ("signal events", "search attribute", "namespace")
"""Words of Temporal's INVALID_ARGUMENT answers that concern the workflow or the set-up, so they pass or get mended."""


class KafkaIngress:
    """Runs consumers for the subscriptions' activities."""

    def __init__(
        self,
        client: Client,
        clusters: Mapping[str, KafkaCluster | str],
        entities: Mapping[str, Entity],
        epoch: str | None,
    ) -> None:
        """`clusters` are those that subscriptions name, `entities` the services; `epoch` overrides topic IDs."""
        self._client = client
        self._clusters = KafkaClusters(clusters)
        self._entities = entities
        self._epoch = epoch

    async def run(self, task: ConsumerTask, report: Callable[[ConsumerProgress], None], stop: asyncio.Event) -> None:
        """Consume until `stop` is set. Raises `SubscriptionBroken` for what only a person can mend."""
        subscription = task.subscription
        dead_letters = DeadLetterTopic(self._clusters, subscription)
        try:
            entity = self._entity(subscription)
            options = subscription.options
            route = Route(
                sink=EntitySink(self._client, entity, subscription.handler),
                dead_letters=dead_letters,
                body=entity.handlers[subscription.handler].body,
                limits=Limits(lanes_in_flight=options.max_in_flight, batch_records=options.max_batch),
                subscription=subscription.id,
            )
            await TopicConsumer(task, self._clusters, self._epoch, route, report).run(stop)
        except Refusal as refusal:
            raise SubscriptionBroken(str(refusal)) from refusal
        except ACCESS_REFUSED as error:
            raise SubscriptionBroken(f"Kafka refuses access: {error}") from error
        finally:
            await dead_letters.close()

    def _entity(self, subscription: Subscription) -> Entity:
        entity = self._entities.get(subscription.service)
        if entity is None or subscription.handler not in entity.handlers:
            raise UnknownSink(f"This worker has no {subscription.service}/{subscription.handler}.")
        return entity


class EntitySink:
    """Sends batches to one handler of an entity service."""

    def __init__(self, client: Client, entity: Entity, handler: str) -> None:
        self._client = client
        self._entity = entity
        self._handler = handler

    async def deliver(self, key: str, batch: Batch[Any]) -> None:
        """Return once Temporal has the batch. Raises `BatchRefused`; `RPCError` means: try again."""
        try:
            await self._entity.send(self._client, key, self._handler, batch)
        except RPCError as error:
            if is_refusal(error):
                raise BatchRefused(error.message) from error
            raise


def is_refusal(error: RPCError) -> bool:
    """Whether the same batch would be refused for ever."""
    message = error.message.lower()
    return error.status is RPCStatusCode.INVALID_ARGUMENT and not any(w in message for w in NOT_THE_RECORDS_FAULT)
