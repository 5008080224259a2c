"""A standalone activity per invocation: Temporal itself is the queue."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

from pydantic import ValidationError
from temporalio.client import (
    ActivityExecutionDescription,
    ActivityFailureError,
    ActivityHandle,
    Client,
)
from temporalio.common import ActivityIDReusePolicy, Priority
from temporalio.exceptions import ActivityAlreadyStartedError
from temporalio.service import RPCError

from api.http.problems import invalid_fields
from api.invokers import policies
from api.invokers.invocation import (
    Call,
    Finished,
    Invocation,
    InvocationStatus,
    Submission,
    Unfinished,
    WebUi,
    attempts_of,
    cancel_activity,
    delayed_until,
    end_of,
    failure_problem,
    identity,
    other_body,
)
from api.invokers.policies import RPC_TIMEOUT
from domain.message_queue import MESSAGE_QUEUE, Task, check_task
from domain.pattern import Pattern
from domain.payload import fingerprint
from workflows.search_attributes import attributes


@dataclass(frozen=True)
class TaskInvoker:
    """Runs each task once per idempotency key, as an activity whose type is the task's kind."""

    client: Client
    web_ui: WebUi
    pattern: Pattern = MESSAGE_QUEUE

    def of(self, tenant: str) -> Self:
        return replace(self, pattern=self.pattern.of(tenant))

    async def submit(self, call: Call) -> Submission:
        task = Task.model_validate(call.body)
        try:
            check_task(task)
        except ValidationError as error:
            raise invalid_fields(error, "payload") from None
        activity_id = self.pattern.execution_id(identity(self.pattern, call.handler, call.idempotency_key))
        try:
            await self.start(activity_id, task, call.delay, ActivityIDReusePolicy.REJECT_DUPLICATE)
        except ActivityAlreadyStartedError:
            return await self._first_submission(activity_id, task)
        return Submission(
            activity_id, execution_time=await end_of(call.delay, lambda: self._delayed_until(activity_id))
        )

    async def start(self, activity_id: str, task: Task, delay: timedelta, reuse: ActivityIDReusePolicy) -> None:
        """Put a task into the queue. Raises `ActivityAlreadyStartedError` if `reuse` forbids a task of the same ID."""
        await self.client.start_activity(
            task.kind,
            task.payload,
            id=activity_id,
            task_queue=MESSAGE_QUEUE.task_queue,
            **policies.task(task.max_attempts),
            priority=Priority(priority_key=task.priority),
            start_delay=delay or None,
            id_reuse_policy=reuse,
            search_attributes=attributes(MESSAGE_QUEUE, MESSAGE_QUEUE.key_of(activity_id)),
            summary=task.kind,
            rpc_timeout=RPC_TIMEOUT,
        )

    async def outcome(self, invocation_id: str) -> Finished | Unfinished:
        description = await self.description(invocation_id)
        if description.close_time is None:
            return Unfinished(InvocationStatus.of_activity(description))
        return await self.wait(invocation_id)

    async def wait(self, invocation_id: str) -> Finished:
        try:
            return Finished(await self._handle(invocation_id).result())
        except ActivityFailureError as failure:
            raise failure_problem(failure.cause, invocation_id, self.link(invocation_id)) from None
        except asyncio.CancelledError as cancelled:
            # The SDK raises this also when its own poll times out, without a cancellation.
            if isinstance(cancelled.__cause__, RPCError):
                raise cancelled.__cause__ from None
            raise

    async def describe(self, invocation_id: str) -> Invocation:
        description = await self.description(invocation_id)
        return Invocation(
            invocation_id=invocation_id,
            service=MESSAGE_QUEUE.service,
            handler="runTask",
            status=InvocationStatus.of_activity(description),
            submitted_at=description.schedule_time,
            execution_time=description.execution_time,
            finished_at=description.close_time,
            attempts=attempts_of(description),
            progress={"kind": description.activity_type, **_options_of(description)},
            activity_id=invocation_id,
            web_ui=self.link(invocation_id),
        )

    async def cancel(self, invocation_id: str) -> None:
        await cancel_activity(self._handle(invocation_id), await self.description(invocation_id), "Task")

    def link(self, invocation_id: str) -> str:
        return self.web_ui.activity(invocation_id)

    async def description(self, activity_id: str) -> ActivityExecutionDescription:
        return await self._handle(activity_id).describe(
            include_input=True, include_last_failure=True, rpc_timeout=RPC_TIMEOUT
        )

    async def _first_submission(self, activity_id: str, task: Task) -> Submission:
        """Raises `Problem` 409 if it had another body."""
        description = await self.description(activity_id)
        before = await task_of(description)
        if fingerprint(before.model_dump(mode="json")) != fingerprint(task.model_dump(mode="json")):
            raise other_body(activity_id, self.link(activity_id))
        return Submission(activity_id, repeated=True, execution_time=delayed_until(description))

    async def _delayed_until(self, activity_id: str) -> datetime | None:
        return delayed_until(await self.description(activity_id))

    def _handle(self, activity_id: str) -> ActivityHandle[Any]:
        return self.client.get_activity_handle(activity_id)


async def task_of(description: ActivityExecutionDescription) -> Task:
    """The task as it was submitted, read back from Temporal."""
    payloads = await description.input() or [None]
    options = {name: value for name, value in _options_of(description).items() if value}
    return Task.model_validate({"kind": description.activity_type, "payload": payloads[0], **options})


def _options_of(description: ActivityExecutionDescription) -> dict[str, int | None]:
    """Priority and attempts, by their names in a request."""
    retries = description.retry_policy
    return {
        "priority": description.priority.priority_key,
        "maxAttempts": retries.maximum_attempts if retries else None,
    }
