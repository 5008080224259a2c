"""A cancellation that is repeated, or comes too late."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from temporalio.client import WorkflowExecutionStatus
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


async def test_a_second_request_is_no_error() -> None:
    said = "cancellation already requested with request ID 8694d612-6d3d-4333-8765-167f56b74c46"
    await cancel_activity(cast(Any, Refusing(said, RPCStatusCode.FAILED_PRECONDITION)))


async def test_a_request_that_comes_too_late_is_a_conflict() -> None:
    with pytest.raises(Problem, match="nothing to cancel") as caught:
        await cancel_activity(cast(Any, Refusing("activity completed", RPCStatusCode.FAILED_PRECONDITION)))
    assert caught.value.status == 409


async def test_another_failure_is_raised_unchanged() -> None:
    with pytest.raises(RPCError):
        await cancel_activity(cast(Any, Refusing("unavailable", RPCStatusCode.UNAVAILABLE)))


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


@pytest.mark.parametrize("after", [WorkflowExecutionStatus.COMPLETED, WorkflowExecutionStatus.FAILED])
async def test_cancelling_a_workflow_that_has_just_finished_is_a_conflict(
    after: WorkflowExecutionStatus,
) -> None:
    with pytest.raises(Problem, match="nothing to cancel"):
        await invoker_of(Passing(WorkflowExecutionStatus.RUNNING, after)).cancel("booking:trip12")
