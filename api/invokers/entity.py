"""A message to an entity, and its receipt.

The message's ID is unique within its entity; with an idempotency key it is the same for the same key. A delayed
message waits in a standalone activity, which then delivers it.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, TypeVar

from pydantic import TypeAdapter
from temporalio.client import ActivityExecutionDescription, ActivityExecutionStatus, Client, WorkflowQueryFailedError
from temporalio.common import ActivityIDReusePolicy, RetryPolicy
from temporalio.exceptions import ActivityAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from api.http.problems import Problem, conflict, unknown
from api.invokers.invocation import (
    QUERY_TIMEOUT,
    RPC_TIMEOUT,
    Call,
    Finished,
    Invocation,
    Submission,
    WebUi,
    cancel_activity,
    execution_headers,
    failure_problem,
    identity,
    now_plus,
)
from domain.delivery import DELIVERY_ACTIVITY, DELIVERY_QUEUE, Delivery
from domain.inbox import Batch, Message, Receipt, ReceiptStatus
from domain.payload import fingerprint
from workflows.entity import RECEIPT_QUERY, Entity
from workflows.search_attributes import attributes

Answer = TypeVar("Answer")
FIRST_POLL_SECONDS = 0.02
LONGEST_POLL_SECONDS = 0.5
SEPARATOR = "~"


@dataclass(frozen=True)
class EntityInvoker:
    """Sends to the keys of one entity service."""

    client: Client
    web_ui: WebUi
    entity: Entity

    async def submit(self, call: Call) -> Submission:
        key = call.key or ""
        message_id = identity(self.entity.pattern, call.handler, call.idempotency_key)
        invocation_id = f"{self.entity.pattern.execution_id(key)}{SEPARATOR}{message_id}"
        message = Message[Any](
            id=message_id,
            body=call.body,
            fingerprint=fingerprint(call.body.model_dump(mode="json")),
            submission=uuid.uuid4().hex,
        )
        if call.idempotency_key and await self._was_accepted(invocation_id, message):
            return Submission(invocation_id, repeated=True)
        batch = Batch[Any](messages=[message])
        if call.delay:
            repeated = not await self._schedule(invocation_id, key, call, batch)
            if repeated:
                await self._same_as_scheduled(invocation_id, message)
            return Submission(invocation_id, repeated, now_plus(call.delay) if not repeated else None)
        await self.entity.send(self.client, key, call.handler, batch)
        repeated = bool(call.idempotency_key) and await self._was_accepted(invocation_id, message)
        return Submission(invocation_id, repeated)

    async def outcome(self, invocation_id: str, *, wait: bool) -> Finished | None:
        async for receipt in self._receipts(invocation_id):
            if receipt is not None and receipt.status is ReceiptStatus.DONE:
                return Finished(receipt.outcome)
            if not wait:
                return None
        raise AssertionError("receipts never end")

    async def describe(self, invocation_id: str) -> Invocation:
        receipt = await self._receipt(invocation_id)
        workflow_id = _workflow_id(invocation_id)
        service, key = self.entity.pattern.service, self.entity.pattern.key_of(workflow_id)
        if receipt is None:
            scheduled = await self._scheduled(invocation_id)
            return Invocation(
                invocation_id=invocation_id,
                service=service,
                key=key,
                web_ui=self.web_ui.activity(invocation_id),
                status="SCHEDULED" if scheduled.status is ActivityExecutionStatus.RUNNING else scheduled.status.name,
                submitted_at=scheduled.schedule_time,
                execution_time=scheduled.execution_time,
                finished_at=scheduled.close_time,
                attempts=scheduled.attempt,
                activity_id=invocation_id,
            )
        return Invocation(
            invocation_id=invocation_id,
            service=service,
            key=key,
            workflow_id=workflow_id,
            web_ui=self.link(invocation_id),
            handler=receipt.handler,
            status="COMPLETED" if receipt.status is ReceiptStatus.DONE else "RUNNING",
            submitted_at=receipt.received_at,
            finished_at=receipt.finished_at,
            attempts=1,
        )

    async def cancel(self, invocation_id: str) -> None:
        if await self._receipt(invocation_id) is not None:
            raise Problem(409, "already-delivered", "The message has reached its entity and cannot be taken back.")
        scheduled = await self._scheduled(invocation_id)
        if scheduled.status is not ActivityExecutionStatus.RUNNING:
            raise Problem(409, "already-finished", "The delayed message is not waiting any more.")
        await cancel_activity(self.client.get_activity_handle(invocation_id))

    def execution_headers(self, key: str) -> dict[str, str]:
        """The headers of an answer about the key's workflow."""
        workflow_id = self.entity.pattern.execution_id(key)
        return execution_headers(workflow_id, self.web_ui.workflow(workflow_id))

    def link(self, invocation_id: str) -> str:
        return self.web_ui.workflow(_workflow_id(invocation_id))

    async def query(self, key: str, name: str, answer: TypeAdapter[Answer]) -> Answer:
        """Ask the key's workflow. Raises `Problem` 404 for a key without one."""
        handle = self.client.get_workflow_handle(self.entity.pattern.execution_id(key))
        try:
            return answer.validate_python(await handle.query(name, rpc_timeout=RPC_TIMEOUT))
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise unknown(f"{self.entity.pattern.service} {key}") from None
            raise

    async def _was_accepted(self, invocation_id: str, message: Message[Any]) -> bool:
        """Whether another call brought this message. Raises `Problem` 409 if that had another body.

        Without a worker nobody can tell; the entity still counts the message once.
        """
        try:
            receipt = await self._receipt(invocation_id)
        except (RPCError, WorkflowQueryFailedError):
            return False
        if receipt is None:
            return await self._is_scheduled(invocation_id, message)
        if receipt.fingerprint != message.fingerprint:
            raise self._conflict(invocation_id)
        return receipt.submission != message.submission

    async def _is_scheduled(self, invocation_id: str, message: Message[Any]) -> bool:
        """Whether another call brought this message, and it waits for its delay."""
        try:
            await self._same_as_scheduled(invocation_id, message)
        except Problem as problem:
            if problem.status == HTTPStatus.NOT_FOUND:
                return False
            raise
        return True

    async def _schedule(self, invocation_id: str, key: str, call: Call, batch: Batch[Any]) -> bool:
        """Start the delayed delivery; False if there is one under this ID."""
        pattern = self.entity.pattern
        try:
            await self.client.start_activity(
                DELIVERY_ACTIVITY,
                Delivery(service=pattern.service, key=key, handler=call.handler, batch=batch),
                id=invocation_id,
                task_queue=DELIVERY_QUEUE,
                start_to_close_timeout=timedelta(seconds=30),
                # For ever: what was accepted is delivered, however long Temporal's own calls fail.
                retry_policy=RetryPolicy(maximum_interval=timedelta(minutes=1)),
                start_delay=call.delay,
                id_reuse_policy=ActivityIDReusePolicy.REJECT_DUPLICATE,
                search_attributes=attributes(pattern, key),
                summary=f"{pattern.service}/{key}/{call.handler}",
                rpc_timeout=RPC_TIMEOUT,
            )
        except ActivityAlreadyStartedError:
            return False
        return True

    async def _same_as_scheduled(self, invocation_id: str, message: Message[Any]) -> None:
        scheduled = await self._scheduled(invocation_id)
        [delivery] = await scheduled.input([Delivery]) or [None]
        if delivery is None or delivery.batch.messages[0].fingerprint != message.fingerprint:
            raise self._conflict(invocation_id)

    async def _receipts(self, invocation_id: str) -> AsyncIterator[Receipt | None]:
        """The message's receipt, again and again, ever less often; None while it waits for its delay."""
        pause = FIRST_POLL_SECONDS
        while True:
            receipt = await self._receipt(invocation_id)
            if receipt is None:
                scheduled = await self._scheduled(invocation_id)
                self._must_not_have_failed(invocation_id, scheduled)
                # Delivered between the two questions, or so long ago that its receipt is forgotten.
                if scheduled.close_time and (receipt := await self._receipt(invocation_id)) is None:
                    raise unknown(f"The invocation {invocation_id}")
            yield receipt
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_POLL_SECONDS)

    def _must_not_have_failed(self, invocation_id: str, scheduled: ActivityExecutionDescription) -> None:
        if scheduled.status is ActivityExecutionStatus.CANCELED:
            raise Problem(
                409,
                "execution-cancelled",
                "The delayed message was cancelled.",
                invocationId=invocation_id,
                webUi=self.link(invocation_id),
            )
        if scheduled.status not in (ActivityExecutionStatus.RUNNING, ActivityExecutionStatus.COMPLETED):
            raise failure_problem(None, invocation_id, self.web_ui.activity(invocation_id))

    async def _receipt(self, invocation_id: str) -> Receipt | None:
        handle = self.client.get_workflow_handle(_workflow_id(invocation_id))
        message_id = invocation_id.rpartition(SEPARATOR)[2]
        try:
            answer = await handle.query(RECEIPT_QUERY, message_id, rpc_timeout=QUERY_TIMEOUT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise
        return Receipt.model_validate(answer) if answer is not None else None

    async def _scheduled(self, invocation_id: str) -> ActivityExecutionDescription:
        try:
            return await self.client.get_activity_handle(invocation_id).describe(
                include_input=True, rpc_timeout=RPC_TIMEOUT
            )
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise unknown(f"The invocation {invocation_id}") from None
            raise

    def _conflict(self, invocation_id: str) -> Problem:
        return conflict(
            "The idempotency key was used with another body.",
            invocationId=invocation_id,
            webUi=self.link(invocation_id),
        )


def _workflow_id(invocation_id: str) -> str:
    """Raises `Problem` 404 for an ID without a message."""
    workflow_id, separator, _ = invocation_id.rpartition(SEPARATOR)
    if not separator:
        raise unknown(f"The invocation {invocation_id}")
    return workflow_id
