"""A delayed message: a standalone activity, which starts after the delay and delivers the message to its entity."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from temporalio.client import ActivityExecutionDescription, ActivityFailureError, Client
from temporalio.common import ActivityIDReusePolicy
from temporalio.exceptions import ActivityAlreadyStartedError
from temporalio.service import RPCError

from api.http.problems import not_found
from api.invokers import policies
from api.invokers.invocation import (
    Call,
    Invocation,
    InvocationStatus,
    Submission,
    WebUi,
    attempts_of,
    cancel_activity,
    delayed_until,
    end_of,
    failure_problem,
    other_body,
)
from clients.temporal_errors import is_not_found
from domain.delivery import DELIVERY_ACTIVITY, DELIVERY_QUEUE, DelayedMessage
from domain.inbox import Batch, Message
from domain.pattern import Pattern
from workflows.search_attributes import attributes


@dataclass(frozen=True)
class DelayedMessages:
    """The delayed messages of one entity service, by their invocation IDs."""

    client: Client
    web_ui: WebUi
    pattern: Pattern

    async def submit(self, invocation_id: str, key: str, call: Call, message: Message[Any]) -> Submission:
        """Deliver `message` after `call.delay`. Raises `Problem` 409 if it was submitted with another body."""
        try:
            await self.client.start_activity(
                DELIVERY_ACTIVITY,
                DelayedMessage(
                    tenant=self.pattern.tenant,
                    service=self.pattern.service,
                    key=key,
                    handler=call.handler,
                    batch=Batch(messages=[message]),
                ),
                id=invocation_id,
                task_queue=DELIVERY_QUEUE,
                **policies.DELAYED_DELIVERY,
                start_delay=call.delay,
                id_reuse_policy=ActivityIDReusePolicy.REJECT_DUPLICATE,
                search_attributes=attributes(self.pattern, key),
                summary=f"{self.pattern.service} {call.handler}",
                rpc_timeout=policies.RPC_TIMEOUT,
            )
        except ActivityAlreadyStartedError:
            first = await self.first_submission(invocation_id, message)
            return first or Submission(invocation_id, repeated=True)
        return Submission(invocation_id, execution_time=await end_of(call.delay, lambda: self.ends_at(invocation_id)))

    async def first_submission(self, invocation_id: str, message: Message[Any]) -> Submission | None:
        """How `message` was submitted before, if it was. Raises `Problem` 409 if it had another body."""
        description = await self._description(invocation_id)
        if description is None:
            return None
        [before] = await description.input([DelayedMessage]) or [None]
        if before is None or before.batch.messages[0].fingerprint != message.fingerprint:
            raise other_body(invocation_id, self.web_ui.activity(invocation_id))
        return Submission(invocation_id, repeated=True, execution_time=delayed_until(description))

    async def ends_at(self, invocation_id: str) -> datetime | None:
        """The end of the message's delay, past or not; None if it was not delayed."""
        description = await self._description(invocation_id)
        return delayed_until(description) if description else None

    async def is_delivered(self, invocation_id: str) -> bool:
        """Whether the entity has the message; False during the delay. Raises `Problem` 404, or 409 if it failed."""
        description = await self._known(invocation_id)
        if description.close_time is None:
            return False
        try:
            await self.client.get_activity_handle(invocation_id).result()
        except ActivityFailureError as failure:
            raise failure_problem(failure.cause, invocation_id, self.web_ui.activity(invocation_id)) from None
        return True

    async def status(self, invocation_id: str) -> InvocationStatus:
        """Raises `Problem` 404."""
        return _status(await self._known(invocation_id))

    async def describe(self, invocation_id: str, key: str) -> Invocation:
        """What the delivery is doing. Raises `Problem` 404."""
        description = await self._known(invocation_id)
        return Invocation(
            invocation_id=invocation_id,
            service=self.pattern.service,
            key=key,
            web_ui=self.web_ui.activity(invocation_id),
            status=_status(description),
            submitted_at=description.schedule_time,
            execution_time=description.execution_time,
            finished_at=description.close_time,
            attempts=attempts_of(description),
            activity_id=invocation_id,
        )

    async def cancel(self, invocation_id: str) -> None:
        """Ask for cancellation, once or repeatedly. Raises `Problem` 404, and 409 if the message was delivered."""
        handle = self.client.get_activity_handle(invocation_id)
        await cancel_activity(handle, await self._known(invocation_id), "The delayed message")

    async def _known(self, invocation_id: str) -> ActivityExecutionDescription:
        description = await self._description(invocation_id)
        if description is None:
            raise not_found(f"Invocation {invocation_id}")
        return description

    async def _description(self, invocation_id: str) -> ActivityExecutionDescription | None:
        handle = self.client.get_activity_handle(invocation_id)
        try:
            return await handle.describe(include_input=True, rpc_timeout=policies.RPC_TIMEOUT)
        except RPCError as error:
            if is_not_found(error):
                return None
            raise


def _status(description: ActivityExecutionDescription) -> InvocationStatus:
    """For a message, the delay lasts until the entity has it."""
    status = InvocationStatus.of_activity(description)
    return InvocationStatus.SCHEDULED if status is InvocationStatus.RUNNING else status
