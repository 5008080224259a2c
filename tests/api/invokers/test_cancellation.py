"""A cancellation that is repeated, or comes too late."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from temporalio.client import ActivityExecutionDescription, ActivityExecutionStatus, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from api.http.problems import Problem
from api.invokers.invocation import WebUi, cancel_activity
from api.invokers.workflow import WorkflowInvoker
from domain.booking import BOOKING


class Refusing:
    """A handle whose cancellation Temporal refuses."""

    id = "message-queue:1"

    def __init__(self, message: str, status: RPCStatusCode) -> None:
        self.refusal = RPCError(message, status, b"")

    async def cancel(self, *, rpc_timeout: timedelta) -> None:
        raise self.refusal


def described(status: ActivityExecutionStatus) -> ActivityExecutionDescription:
    ended = None if status is ActivityExecutionStatus.RUNNING else datetime.now(UTC)
    return cast(ActivityExecutionDescription, SimpleNamespace(status=status, close_time=ended))


RUNNING = described(ActivityExecutionStatus.RUNNING)


async def test_a_second_request_is_no_error() -> None:
    said = "cancellation already requested with request ID 8694d612-6d3d-4333-8765-167f56b74c46"
    await cancel_activity(cast(Any, Refusing(said, RPCStatusCode.FAILED_PRECONDITION)), RUNNING, "Task")


async def test_a_request_that_comes_too_late_is_a_conflict() -> None:
    too_late = Refusing("activity completed", RPCStatusCode.FAILED_PRECONDITION)
    with pytest.raises(Problem, match="nothing to cancel") as caught:
        await cancel_activity(cast(Any, too_late), RUNNING, "Task")
    assert caught.value.status == 409


async def test_another_failure_is_raised_unchanged() -> None:
    with pytest.raises(RPCError):
        await cancel_activity(cast(Any, Refusing("unavailable", RPCStatusCode.UNAVAILABLE)), RUNNING, "Task")


async def test_a_request_for_what_was_cancelled_before_is_no_error_and_asks_for_nothing() -> None:
    never = Refusing("activity completed", RPCStatusCode.FAILED_PRECONDITION)
    await cancel_activity(cast(Any, never), described(ActivityExecutionStatus.CANCELED), "Task")


@pytest.mark.parametrize("status", [ActivityExecutionStatus.COMPLETED, ActivityExecutionStatus.FAILED])
async def test_a_request_for_what_ended_otherwise_is_a_conflict(status: ActivityExecutionStatus) -> None:
    with pytest.raises(Problem, match="Task message-queue:1 has finished"):
        await cancel_activity(cast(Any, Refusing("", RPCStatusCode.UNAVAILABLE)), described(status), "Task")


class Passing:
    """A workflow that has the next of `statuses` at each query, and accepts every cancellation, as Temporal does."""

    def __init__(self, *statuses: WorkflowExecutionStatus) -> None:
        self._statuses: Iterator[WorkflowExecutionStatus] = iter(statuses)

    async def describe(self, *, rpc_timeout: timedelta) -> SimpleNamespace:
        status = next(self._statuses)
        open_still = status is WorkflowExecutionStatus.RUNNING
        return SimpleNamespace(id="booking:trip12", status=status, close_time=None if open_still else datetime.now(UTC))

    async def cancel(self, *, rpc_timeout: timedelta) -> None:
        pass


def invoker_of(workflow: Passing) -> WorkflowInvoker:
    client = cast(Any, SimpleNamespace(get_workflow_handle=lambda _: workflow))
    return WorkflowInvoker(client, WebUi("", "default"), BOOKING, handler="run", progress_query="state")


@pytest.mark.parametrize("after", [WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CANCELED])
async def test_a_running_workflow_accepts_a_cancellation(after: WorkflowExecutionStatus) -> None:
    await invoker_of(Passing(WorkflowExecutionStatus.RUNNING, after)).cancel("booking:trip12")


async def test_a_cancelled_workflow_accepts_a_cancellation() -> None:
    await invoker_of(Passing(*[WorkflowExecutionStatus.CANCELED] * 2)).cancel("booking:trip12")


@pytest.mark.parametrize("after", [WorkflowExecutionStatus.COMPLETED, WorkflowExecutionStatus.FAILED])
async def test_cancelling_a_workflow_that_has_just_finished_is_a_conflict(
    after: WorkflowExecutionStatus,
) -> None:
    with pytest.raises(Problem, match="nothing to cancel"):
        await invoker_of(Passing(WorkflowExecutionStatus.RUNNING, after)).cancel("booking:trip12")
