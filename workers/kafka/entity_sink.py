"""Sends batches of messages to entity workflows."""

from typing import Any

from temporalio.service import RPCError

from clients.entities import EntityClient
from clients.temporal_errors import is_refusal
from domain.errors import PayloadTooLarge
from domain.inbox import Batch
from domain.pattern import Entity
from workers.kafka.delivery import BatchRefused


class EntitySink:
    """Sends to one handler of one service."""

    def __init__(self, entities: EntityClient, entity: Entity, handler: str) -> None:
        self._entities = entities
        self._entity = entity
        self._handler = handler

    async def deliver(self, key: str, batch: Batch[Any]) -> None:
        """Return once Temporal has stored the batch. Raises `BatchRefused`; retry after any other error."""
        try:
            await self._entities.send(self._entity, key, self._handler, batch)
        except PayloadTooLarge as error:
            raise BatchRefused(error.message) from error
        except RPCError as error:
            if is_refusal(error):
                raise BatchRefused(error.message) from error
            raise
