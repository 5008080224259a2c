"""What the gateway knows about an invocation, whichever way it runs.

Three invokers share one interface: a workflow per invocation (saga, fan-out), a standalone activity (a task of the
queue), and a message to an entity (tracker, feed, package).
"""

import hashlib
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Protocol, Self
from urllib.parse import quote

from pydantic import Field, JsonValue
from temporalio.client import (
    ActivityExecutionDescription,
    ActivityExecutionStatus,
    ActivityHandle,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
)
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError, TerminatedError
from temporalio.service import RPCError, RPCStatusCode

from api.http.problems import Problem, type_name
from api.invokers.policies import RPC_TIMEOUT
from api.invokers.written_ids import MAX_ID_BYTES, WrittenId, written
from clients.temporal_errors import is_cancelled_already
from domain.pattern import Pattern
from domain.patterns import is_business_failure
from domain.payload import Payload
from domain.urls import without_secrets

MAX_REASON_CHARACTERS = 500


@dataclass(frozen=True)
class Call:
    """A validated request to a handler."""

    handler: str
    body: Payload
    key: str | None = None
    idempotency_key: str | None = None
    delay: timedelta = timedelta(0)


@dataclass(frozen=True)
class Submission:
    """A request that Temporal holds durably."""

    invocation_id: str
    repeated: bool = False
    """The same request was accepted before."""
    execution_time: datetime | None = None
    """The end of its delay, also if the request is repeated with another delay. None if it was not delayed."""


class InvocationStatus(StrEnum):
    SCHEDULED = "SCHEDULED"
    """It was delayed and has not started."""
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    """By an operator, in Temporal."""
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    """The last attempt ended without an answer."""
    CANCELLED = "CANCELLED"
    TERMINATED = "TERMINATED"
    """By an operator, in Temporal."""

    @classmethod
    def of_activity(cls, description: ActivityExecutionDescription) -> Self:
        has_not_started = bool(description.start_delay) and description.last_started_time is None
        return cls._of(description.status, has_not_started)

    @classmethod
    def of_workflow(cls, description: WorkflowExecutionDescription) -> Self:
        return cls._of(description.status, has_not_started(description))

    @classmethod
    def _of(cls, status: ActivityExecutionStatus | WorkflowExecutionStatus | None, has_not_started: bool) -> Self:
        name = status.name if status else "RUNNING"
        if name == "RUNNING" and has_not_started:
            return cls("SCHEDULED")
        return cls("CANCELLED" if name == "CANCELED" else name)


@dataclass(frozen=True)
class Finished:
    """The outcome of an invocation that succeeded."""

    value: JsonValue


@dataclass(frozen=True)
class Unfinished:
    """An invocation that has no outcome yet."""

    status: InvocationStatus


class Invocation(Payload):
    """What an invocation is doing."""

    invocation_id: WrittenId
    service: str
    key: str | None = None
    handler: str | None = None
    status: InvocationStatus
    submitted_at: datetime | None = None
    execution_time: datetime | None = None
    finished_at: datetime | None = None
    attempts: Annotated[int | None, Field(description="0 until the first one starts.")] = None
    progress: JsonValue = None
    workflow_id: str | None = None
    activity_id: str | None = None
    web_ui: str


class Invoker(Protocol):
    """One way to run an invocation. Every method that takes an ID raises `Problem` 404 if it does not exist."""

    def of(self, tenant: str) -> Self:
        """The same, for the executions of `tenant`."""

    async def submit(self, call: Call) -> Submission:
        """Hand the call to Temporal, once per idempotency key. Raises `Problem` 409 for a key with another body."""

    async def outcome(self, invocation_id: str) -> Finished | Unfinished:
        """Return the outcome if there is one. Raises the `Problem` of an invocation that failed."""

    async def wait(self, invocation_id: str) -> Finished:
        """Wait for the outcome, without limit. Raises the `Problem` of an invocation that failed."""

    async def describe(self, invocation_id: str) -> Invocation:
        """What the invocation is doing."""

    async def cancel(self, invocation_id: str) -> None:
        """Ask for cancellation, once or repeatedly. Raises `Problem` 409 if it ended in another way."""

    def link(self, invocation_id: str) -> str:
        """The invocation's page in the Web UI."""


@dataclass(frozen=True)
class WebUi:
    """Links into the Temporal Web UI."""

    base_url: str
    namespace: str

    def workflow(self, workflow_id: str) -> str:
        return f"{self.base_url}/namespaces/{self.namespace}/workflows/{quote(workflow_id, safe='')}"

    def activity(self, activity_id: str) -> str:
        """The list filtered by this ID: the URL of an activity's own page needs the ID of its run."""
        quoted = activity_id.replace("\\", "\\\\").replace('"', '\\"')
        query = quote(f'ActivityId="{quoted}"', safe="")
        return f"{self.base_url}/namespaces/{self.namespace}/activities?query={query}"


def execution_headers(invocation_id: str, link: str) -> dict[str, str]:
    """The headers of every answer about an execution: its ID, and its page in the Web UI."""
    return {"Invocation-Id": written(invocation_id), "Link": f'<{link}>; rel="execution"'}


def names_an_execution(pattern: Pattern, invocation_id: str) -> bool:
    """Whether `invocation_id` has the form of the pattern's IDs, which have its tenant: those of others are unknown."""
    prefix = pattern.id_prefix
    return invocation_id.startswith(prefix) and len(prefix) < len(invocation_id.encode()) <= MAX_ID_BYTES


def identity(pattern: Pattern, handler: str, idempotency_key: str | None) -> str:
    """A new ID, or the ID that belongs to an idempotency key within service and handler; callers add the key."""
    if idempotency_key is None:
        return uuid.uuid4().hex
    scope = f"{pattern.service}\n{handler}\n{idempotency_key}"
    return hashlib.sha256(scope.encode()).hexdigest()[:32]


async def cancel_activity(handle: ActivityHandle[Any], description: ActivityExecutionDescription, what: str) -> None:
    """Ask for cancellation, once or repeatedly. Raises `Problem` 409 if `what` it is has ended in another way."""
    if description.status is ActivityExecutionStatus.CANCELED:
        return
    if description.close_time is not None:
        raise Problem(409, "already-finished", f"{what} {handle.id} has finished: there is nothing to cancel.")
    try:
        await handle.cancel(rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if is_cancelled_already(error):
            return
        if error.status is RPCStatusCode.FAILED_PRECONDITION:
            detail = f"{what} {handle.id} has finished: there is nothing to cancel."
            raise Problem(409, "already-finished", detail) from None
        raise


def has_not_started(workflow: WorkflowExecutionDescription) -> bool:
    """Whether a delayed workflow has not started: its history has nothing but the start."""
    return workflow.status is WorkflowExecutionStatus.RUNNING and workflow.history_length == 1


def delayed_until(activity: ActivityExecutionDescription) -> datetime | None:
    """The end of the activity's delay, past or not; None if it was not delayed."""
    return activity.execution_time if activity.start_delay else None


def attempts_of(activity: ActivityExecutionDescription) -> int:
    """The attempts that have started: Temporal counts the one that waits too."""
    return activity.attempt if activity.last_started_time else 0


async def end_of(delay: timedelta, read: Callable[[], Awaitable[datetime | None]]) -> datetime | None:
    """When the delay of a call that Temporal has just accepted ends, as `read` finds it there; None without a delay."""
    if not delay:
        return None
    try:
        return await read()
    except RPCError:  # the call was accepted: that must be answered
        return datetime.now(UTC) + delay


def other_body(invocation_id: str, link: str) -> Problem:
    """The same idempotency key, or the same trip, with another body."""
    detail = f"{invocation_id} was submitted with another body: repeat that body, or use another key."
    return Problem(409, "idempotency-conflict", detail, invocationId=written(invocation_id), webUi=link)


def failure_problem(cause: BaseException | None, invocation_id: str, link: str) -> Problem:
    """What a failed execution means to a client: a business failure in its own words, any other with one line."""
    about: dict[str, Any] = {"invocationId": written(invocation_id), "webUi": link}
    if isinstance(cause, ApplicationError) and is_business_failure(cause.type):
        details = cause.details[0] if cause.details and isinstance(cause.details[0], dict) else {}
        return Problem(409, type_name(cause.type or ""), without_secrets(cause.message), **about, **details)
    if isinstance(cause, CancelledError):
        return Problem(409, "execution-cancelled", f"{invocation_id} was cancelled.", **about)
    if isinstance(cause, TerminatedError):
        return Problem(409, "execution-terminated", f"{invocation_id} was terminated by an operator.", **about)
    reason = reason_of(cause)
    return Problem(409, "execution-failed", f"{invocation_id} failed for good: {reason}", reason=reason, **about)


def reason_of(cause: BaseException | None) -> str:
    """Why an execution failed, for its caller: one line of at most 500 characters, without the secrets in URLs.

    Only the first line: the further ones of a database's error have its statement and the values.
    """
    while isinstance(cause, ActivityError) and cause.cause:
        cause = cause.cause
    line = next(iter(str(cause or "").strip().splitlines()), "") or "it gave no reason"
    shown = without_secrets(line)
    return shown if len(shown) <= MAX_REASON_CHARACTERS else f"{shown[: MAX_REASON_CHARACTERS - 1]}…"
