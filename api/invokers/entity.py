"""A message to an entity, and its receipt.

The message's ID is unique within its entity; with an idempotency key it is the same for the same key.
"""

import asyncio
import uuid
from dataclasses import dataclass, replace
from typing import Any, Self

from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.service import RPCError

from api.http.problems import Problem, not_found
from api.invokers.delayed import DelayedMessages
from api.invokers.invocation import (
    Call,
    Finished,
    Invocation,
    InvocationStatus,
    Submission,
    Unfinished,
    WebUi,
    identity,
    other_body,
)
from api.invokers.policies import FIRST_POLL, MAX_POLL
from api.invokers.receipts import Receipts
from clients.entities import EntityClient
from clients.temporal_errors import is_not_found
from domain.inbox import Batch, Message, Receipt, ReceiptStatus
from domain.pattern import SEPARATOR, Entity
from domain.payload import fingerprint


@dataclass(frozen=True)
class EntityInvoker:
    """Sends to the keys of one entity service."""

    client: Client
    web_ui: WebUi
    entities: EntityClient
    entity: Entity
    receipts: Receipts

    def of(self, tenant: str) -> Self:
        return replace(self, entity=self.entity.of(tenant))

    async def submit(self, call: Call) -> Submission:
        assert call.key is not None, "every handler of an entity has a key"
        message_id = identity(self.entity, call.handler, call.idempotency_key)
        invocation_id = f"{self.entity.execution_id(call.key)}{SEPARATOR}{message_id}"
        message = Message[Any](
            id=message_id,
            body=call.body,
            fingerprint=fingerprint(call.body.model_dump(mode="json")),
            submission=uuid.uuid4().hex,
        )
        if call.idempotency_key and (first := await self._first_submission(invocation_id, message)):
            return first
        if call.delay:
            return await self._delayed.submit(invocation_id, call.key, call, message)
        await self.entities.send(self.entity, call.key, call.handler, Batch[Any](messages=[message]))
        first = await self._first_submission(invocation_id, message) if call.idempotency_key else None
        return first or Submission(invocation_id)

    async def outcome(self, invocation_id: str) -> Finished | Unfinished:
        receipt = await self._receipt(invocation_id)
        if receipt is None and await self._delayed.is_delivered(invocation_id):
            # Delivered since the first query, or so long ago that the entity has dropped the receipt.
            receipt = await self._receipt(invocation_id)
            if receipt is None:
                raise not_found(f"Invocation {invocation_id}")
        if receipt is None:
            return Unfinished(InvocationStatus.SCHEDULED)
        return (
            Finished(receipt.outcome) if receipt.status is ReceiptStatus.DONE else Unfinished(InvocationStatus.RUNNING)
        )

    async def wait(self, invocation_id: str) -> Finished:
        pause = FIRST_POLL
        while isinstance(outcome := await self.outcome(invocation_id), Unfinished):
            await asyncio.sleep(pause.total_seconds())
            pause = min(pause * 1.5, MAX_POLL)
        return outcome

    async def describe(self, invocation_id: str) -> Invocation:
        receipt = await self._receipt(invocation_id)
        workflow_id = _workflow_id(invocation_id)
        key = self.entity.key_of(workflow_id)
        if receipt is None:
            return await self._delayed.describe(invocation_id, key)
        return Invocation(
            invocation_id=invocation_id,
            service=self.entity.service,
            key=key,
            workflow_id=workflow_id,
            web_ui=self.link(invocation_id),
            handler=receipt.handler,
            status=InvocationStatus.COMPLETED if receipt.status is ReceiptStatus.DONE else InvocationStatus.RUNNING,
            submitted_at=receipt.received_at,
            finished_at=receipt.finished_at,
            attempts=1,
        )

    async def cancel(self, invocation_id: str) -> None:
        if await self._receipt(invocation_id) is not None:
            detail = f"Message {invocation_id} has reached its entity and can no longer be cancelled."
            raise Problem(409, "already-delivered", detail)
        await self._delayed.cancel(invocation_id)

    def link(self, invocation_id: str) -> str:
        return self.web_ui.workflow(_workflow_id(invocation_id))

    @property
    def _delayed(self) -> DelayedMessages:
        return DelayedMessages(self.client, self.web_ui, self.entity)

    async def _first_submission(self, invocation_id: str, message: Message[Any]) -> Submission | None:
        """How an earlier call sent this message, if one did. Raises `Problem` 409 if it had another body.

        None if no worker can answer: the entity counts the message only once anyway.
        """
        try:
            receipt = await self._receipt(invocation_id)
        except (RPCError, WorkflowQueryFailedError):
            return None
        if receipt is None:
            return await self._delayed.first_submission(invocation_id, message)
        if receipt.fingerprint != message.fingerprint:
            raise other_body(invocation_id, self.link(invocation_id))
        if receipt.submission == message.submission:
            return None
        return Submission(invocation_id, repeated=True, execution_time=await self._delayed.ends_at(invocation_id))

    async def _receipt(self, invocation_id: str) -> Receipt | None:
        """None if the entity has no receipt of the message, or does not exist."""
        message_id = invocation_id.rpartition(SEPARATOR)[2]
        try:
            return await self.receipts.of(_workflow_id(invocation_id), message_id)
        except RPCError as error:
            if is_not_found(error):
                return None
            raise


def _workflow_id(invocation_id: str) -> str:
    """Raises `Problem` 404 for an ID without a message."""
    workflow_id, separator, _ = invocation_id.rpartition(SEPARATOR)
    if not separator:
        raise not_found(f"Invocation {invocation_id}")
    return workflow_id
