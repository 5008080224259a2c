"""Sends batches of messages to entity workflows."""

from typing import Any

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from domain.inbox import Batch
from workers.kafka.delivery import BatchRefused
from workflows.entity import Entity

NOT_THE_BATCHS_FAULT = ("signal events", "search attribute", "namespace")
"""Words in Temporal's INVALID_ARGUMENT errors about the workflow or the set-up. A retry succeeds once those change."""


class EntitySink:
    """Sends to one handler of one service."""

    def __init__(self, client: Client, entity: Entity, handler: str) -> None:
        self._client = client
        self._entity = entity
        self._handler = handler

    async def deliver(self, key: str, batch: Batch[Any]) -> None:
        """Return once Temporal has stored the batch. Raises `BatchRefused`; retry after any other error."""
        try:
            await self._entity.send(self._client, key, self._handler, batch)
        except RPCError as error:
            if is_refusal(error):
                raise BatchRefused(error.message) from error
            raise


def is_refusal(error: RPCError) -> bool:
    """Whether Temporal would refuse the same batch each time."""
    message = error.message.lower()
    return error.status is RPCStatusCode.INVALID_ARGUMENT and not any(w in message for w in NOT_THE_BATCHS_FAULT)
