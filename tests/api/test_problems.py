"""What a failed call to Temporal means to a client."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI
from temporalio.client import Client, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError, RPCStatusCode

from api.invocation import WebUi
from api.problems import install, temporal_problem
from api.task_invoker import TaskInvoker


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (RPCStatusCode.UNAVAILABLE, "tcp connect error"),
        (RPCStatusCode.DEADLINE_EXCEEDED, "context deadline exceeded"),
        (RPCStatusCode.RESOURCE_EXHAUSTED, "namespace rate limit exceeded"),
        (RPCStatusCode.CANCELLED, "Timeout expired"),
        (RPCStatusCode.UNKNOWN, "transport error"),
        (RPCStatusCode.FAILED_PRECONDITION, "Unable to query workflow due to Workflow Task in failed state."),
        (RPCStatusCode.FAILED_PRECONDITION, "no poller seen for task queue recently, worker may be down"),
    ],
)
def test_what_may_pass_asks_to_try_again(status: RPCStatusCode, message: str) -> None:
    problem = temporal_problem(RPCError(message, status, b""))
    assert (problem.status, problem.type) == (503, "temporal-unavailable")
    assert int(problem.headers["Retry-After"]) > 0


@pytest.mark.parametrize("status", [RPCStatusCode.UNKNOWN, RPCStatusCode.INVALID_ARGUMENT])
def test_what_will_not_pass_is_a_fault_of_ours_and_keeps_its_words_to_itself(status: RPCStatusCode) -> None:
    problem = temporal_problem(RPCError("a secret", status, b""))
    assert problem.status == 500
    assert "secret" not in problem.detail


async def test_an_update_without_an_answer_in_time_asks_to_try_again() -> None:
    app = FastAPI()
    install(app)

    @app.get("/")
    async def update() -> None:
        raise WorkflowUpdateRPCTimeoutOrCancelledError

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:problem:temporal-unavailable")


class ActivityWhosePollTimesOut:
    """As the SDK's own handle: it takes the client's timeout for a cancellation of the task that waits."""

    async def describe(self, **_: Any) -> SimpleNamespace:
        return SimpleNamespace(close_time=None)

    async def result(self) -> None:
        raise asyncio.CancelledError from RPCError("Timeout expired", RPCStatusCode.CANCELLED, b"")


async def test_a_tasks_outcome_that_cannot_be_waited_for_is_no_cancellation() -> None:
    client = SimpleNamespace(get_activity_handle=lambda _: ActivityWhosePollTimesOut())
    invoker = TaskInvoker(cast("Client", client), WebUi("http://localhost", "default"))
    with pytest.raises(RPCError, match="Timeout expired"):
        await invoker.outcome("message-queue:1", wait=True)
