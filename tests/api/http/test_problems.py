"""What a failed call to Temporal means to a client."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx2
import pytest
from fastapi import FastAPI
from temporalio.client import Client, WorkflowQueryFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError, RPCStatusCode

from api.app import create_app, open_gateway
from api.http import failures, problems
from api.http.failures import temporal_problem
from api.invokers.invocation import WebUi
from api.invokers.task import TaskInvoker
from api.security.authentication import Authentication
from clients.backpressure import KeyBusy
from infra.payload_keys import KeyRing
from infra.settings import Settings


def answering() -> FastAPI:
    """An application without routes that answers errors as the gateway does."""
    app = FastAPI()
    problems.install(app)
    failures.install(app)
    return app


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
def test_a_temporary_failure_asks_to_try_again(status: RPCStatusCode, message: str) -> None:
    problem = temporal_problem(RPCError(message, status, b""))
    assert (problem.status, problem.type) == (503, "temporal-unavailable")
    assert int(problem.headers["Retry-After"]) > 0


@pytest.mark.parametrize("status", [RPCStatusCode.UNKNOWN, RPCStatusCode.INVALID_ARGUMENT])
def test_a_permanent_failure_is_a_500_without_its_message(status: RPCStatusCode) -> None:
    problem = temporal_problem(RPCError("a secret", status, b""))
    assert problem.status == 500
    assert "secret" not in problem.detail


@pytest.mark.parametrize(
    "error", [WorkflowUpdateRPCTimeoutOrCancelledError(), WorkflowQueryFailedError("[TMPRL1100] Nondeterminism error")]
)
async def test_an_update_or_a_query_without_an_answer_asks_to_try_again(error: Exception) -> None:
    app = answering()

    @app.get("/")
    async def ask() -> None:
        raise error

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://localhost") as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:problem:temporal-unavailable")


async def test_a_gateway_that_has_not_reached_temporal_yet_asks_to_try_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{unused_tcp_port}")
    settings = Settings(database_url=f"sqlite+aiosqlite:///{tmp_path}/patterns.db")
    async with open_gateway(settings, KeyRing(), Authentication()) as gateway:
        transport = httpx2.ASGITransport(create_app(gateway), raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            answer = await client.get("/invocations/booking:trip1")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:problem:temporal-unavailable")


async def test_another_runtime_error_is_a_500() -> None:
    app = answering()

    @app.get("/")
    async def fail() -> None:
        raise RuntimeError("a secret")

    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:problem:internal-error")
    assert "secret" not in answer.text


class ActivityWhosePollTimesOut:
    """Like the SDK's own handle, it reports the client's timeout as a cancellation of the task that waits."""

    async def describe(self, **_: Any) -> SimpleNamespace:
        return SimpleNamespace(close_time=None)

    async def result(self) -> None:
        raise asyncio.CancelledError from RPCError("Timeout expired", RPCStatusCode.CANCELLED, b"")


async def test_a_timeout_while_waiting_for_a_task_is_not_reported_as_a_cancellation() -> None:
    client = SimpleNamespace(get_activity_handle=lambda _: ActivityWhosePollTimesOut())
    invoker = TaskInvoker(cast("Client", client), WebUi("http://localhost", "default"))
    with pytest.raises(RPCError, match="Timeout expired"):
        await invoker.wait("message-queue:1")


async def test_a_key_with_too_many_messages_asks_to_try_again() -> None:
    app = answering()

    @app.post("/busy")
    async def busy() -> None:
        raise KeyBusy("user-feed:u1")

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://localhost") as client:
        answer = await client.post("/busy")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert answer.json()["type"] == "urn:problem:key-busy"
