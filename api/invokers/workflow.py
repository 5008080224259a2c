"""A workflow per invocation."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from pydantic import JsonValue
from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowQueryFailedError,
)
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from api.http.problems import Problem
from api.invokers.invocation import (
    Call,
    Finished,
    Invocation,
    InvocationStatus,
    Submission,
    Unfinished,
    WebUi,
    end_of,
    failure_problem,
    identity,
    other_body,
)
from api.invokers.policies import QUERY_TIMEOUT, RPC_TIMEOUT
from domain.pattern import Pattern
from domain.payload import Payload, fingerprint
from workflows.policies import TASK_TIMEOUT
from workflows.search_attributes import attributes


@dataclass(frozen=True)
class WorkflowInvoker:
    """Runs the pattern's workflow once per key. `prepare` makes its argument from the body, if they differ."""

    client: Client
    web_ui: WebUi
    pattern: Pattern
    handler: str
    progress_query: str
    prepare: Callable[[Any], Awaitable[Payload]] | None = None

    def of(self, tenant: str) -> Self:
        return replace(self, pattern=self.pattern.of(tenant))

    async def submit(self, call: Call) -> Submission:
        key = call.key or identity(self.pattern, call.handler, call.idempotency_key)
        workflow_id = self.pattern.execution_id(key)
        argument = await self.prepare(call.body) if self.prepare else call.body
        # How the steps run is a setting, which may change between two calls: not part of the request.
        body_fingerprint = fingerprint(argument.model_dump(mode="json", exclude={"steps"}))
        try:
            await self.client.start_workflow(
                self.pattern.service,
                argument,
                id=workflow_id,
                task_queue=self.pattern.task_queue,
                task_timeout=TASK_TIMEOUT,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                start_delay=call.delay or None,
                memo={"fingerprint": body_fingerprint},
                # During a delay it does nothing yet.
                search_attributes=attributes(self.pattern, key, None if call.delay else self.pattern.first_status),
                static_summary=f"{self.pattern.service} {key}",
                rpc_timeout=RPC_TIMEOUT,
            )
        except WorkflowAlreadyStartedError:
            return await self._first_submission(workflow_id, body_fingerprint)
        return Submission(
            workflow_id, execution_time=await end_of(call.delay, lambda: self._delayed_until(workflow_id))
        )

    async def outcome(self, invocation_id: str) -> Finished | Unfinished:
        description = await self._description(invocation_id)
        if description.close_time is None:
            return Unfinished(InvocationStatus.of_workflow(description))
        return await self.wait(invocation_id)

    async def wait(self, invocation_id: str) -> Finished:
        try:
            return Finished(await self._handle(invocation_id).result())
        except WorkflowFailureError as failure:
            raise failure_problem(failure.cause, invocation_id, self.link(invocation_id)) from None

    async def describe(self, invocation_id: str) -> Invocation:
        description = await self._description(invocation_id)
        pending = description.raw_description.pending_activities
        status = InvocationStatus.of_workflow(description)
        is_scheduled = status is InvocationStatus.SCHEDULED
        return Invocation(
            invocation_id=invocation_id,
            service=self.pattern.service,
            key=self.pattern.key_of(invocation_id),
            handler=self.handler,
            status=status,
            submitted_at=description.start_time,
            execution_time=description.execution_time,
            finished_at=description.close_time,
            attempts=0 if is_scheduled else max((activity.attempt for activity in pending), default=1),
            progress=None if is_scheduled else await self._progress(invocation_id),
            workflow_id=invocation_id,
            web_ui=self.link(invocation_id),
        )

    async def cancel(self, invocation_id: str) -> None:
        _must_not_have_finished(await self._description(invocation_id))
        await self._handle(invocation_id).cancel(rpc_timeout=RPC_TIMEOUT)
        # Temporal accepts a cancellation also when the execution has finished just before.
        _must_not_have_finished(await self._description(invocation_id))

    def link(self, invocation_id: str) -> str:
        return self.web_ui.workflow(invocation_id)

    async def _first_submission(self, workflow_id: str, body_fingerprint: str) -> Submission:
        """Raises `Problem` 409 if it had another body."""
        description = await self._description(workflow_id)
        if (await description.memo()).get("fingerprint") != body_fingerprint:
            raise other_body(workflow_id, self.link(workflow_id))
        return Submission(workflow_id, repeated=True, execution_time=_delayed_until(description))

    async def _delayed_until(self, workflow_id: str) -> datetime | None:
        return _delayed_until(await self._description(workflow_id))

    async def _progress(self, workflow_id: str) -> JsonValue:
        """Ask the workflow. None if no worker answers: the rest of the description is still useful."""
        try:
            answer: JsonValue = await self._handle(workflow_id).query(self.progress_query, rpc_timeout=QUERY_TIMEOUT)
        except (RPCError, WorkflowQueryFailedError):
            return None
        return answer

    async def _description(self, workflow_id: str) -> WorkflowExecutionDescription:
        return await self._handle(workflow_id).describe(rpc_timeout=RPC_TIMEOUT)

    def _handle(self, workflow_id: str) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(workflow_id)


def _delayed_until(description: WorkflowExecutionDescription) -> datetime | None:
    """The end of the workflow's delay, past or not; None if it was not delayed."""
    at = description.execution_time
    return at if at and at > description.start_time else None


def _must_not_have_finished(description: WorkflowExecutionDescription) -> None:
    """Raises `Problem` 409, unless it was cancelled."""
    if description.close_time is not None and description.status is not WorkflowExecutionStatus.CANCELED:
        raise Problem(409, "already-finished", f"{description.id} has finished: there is nothing to cancel.")
