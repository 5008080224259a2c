"""Delivers delayed messages to their entities."""

from clients.entities import EntityClient
from domain.delivery import DelayedMessage, UndeliverableMessage
from domain.patterns import ENTITIES


class EntityMailbox:
    """Sends a delayed message as a signal."""

    def __init__(self, entities: EntityClient) -> None:
        self._entities = entities

    async def deliver(self, message: DelayedMessage) -> None:
        """Raises `UndeliverableMessage` for a service or handler that does not exist (any more)."""
        entity = ENTITIES.get(message.service)
        if entity is None or message.handler not in entity.handlers:
            raise UndeliverableMessage(
                f"This worker has no {message.service}/{message.handler}: nothing was sent to key {message.key!r}."
            )
        await self._entities.send(entity.of(message.tenant), message.key, message.handler, message.batch)
