"""The way from a delayed delivery into its entity."""

from collections.abc import Mapping

from temporalio.client import Client

from domain.delivery import DelayedMessage
from domain.errors import UndeliverableMessage
from workflows.entity import Entity


class EntityMailbox:
    """Delivers through Temporal."""

    def __init__(self, client: Client, entities: Mapping[str, Entity]) -> None:
        self._client = client
        self._entities = entities

    async def deliver(self, message: DelayedMessage) -> None:
        """Raises `UndeliverableMessage` for a service or handler that does not exist (any more)."""
        entity = self._entities.get(message.service)
        if entity is None or message.handler not in entity.handlers:
            raise UndeliverableMessage(f"There is no {message.service}/{message.handler}.")
        await entity.send(self._client, message.key, message.handler, message.batch)
