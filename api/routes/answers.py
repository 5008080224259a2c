"""Answers about an invocation: its outcome, its acceptance, or that there is no outcome yet."""

from datetime import datetime
from typing import Any, Literal

from fastapi import Request
from fastapi.responses import JSONResponse
from temporalio.client import WorkflowQueryFailedError
from temporalio.service import RPCError

from api.http.failures import temporal_problem
from api.http.openapi import EXECUTION_HEADERS, links
from api.http.problems import RETRY, Problem
from api.http.waiting import ShuttingDown, WaitedTooLong, while_connected
from api.invokers.invocation import Finished, InvocationStatus, Invoker, Submission, execution_headers
from api.invokers.written_ids import WrittenId, written
from domain.payload import Payload
from infra.settings import Settings


class Accepted(Payload):
    """Temporal holds the request durably."""

    invocation_id: WrittenId
    status: Literal["Accepted", "PreviouslyAccepted"]
    execution_time: datetime | None = None


class NotFinished(Payload):
    """There is no outcome yet."""

    invocation_id: WrittenId
    status: InvocationStatus


class CancelRequested(Payload):
    """Temporal has the request. `GET /invocations/{id}` shows what becomes of it."""

    invocation_id: WrittenId
    status: Literal["CANCEL_REQUESTED"] = "CANCEL_REQUESTED"


OUTCOME: dict[str, Any] = {"description": "The outcome.", "headers": EXECUTION_HEADERS}
ACCEPTED: dict[str, Any] = {
    "description": "Temporal holds the request.",
    "headers": EXECUTION_HEADERS,
    "links": links(
        "invocation_id", "$response.body#/invocationId", ("readInvocation", "readOutput", "attach", "cancelInvocation")
    ),
}


def outcome_response(invoker: Invoker, invocation_id: str, finished: Finished) -> JSONResponse:
    """200 with the outcome as the body."""
    return JSONResponse(finished.value, headers=execution_headers(invocation_id, invoker.link(invocation_id)))


async def wait_for_outcome(request: Request, invoker: Invoker, invocation_id: str) -> JSONResponse:
    """200 with the outcome, once there is one.

    Raises `ClientDisconnected` if the client stops waiting; `Problem` 504 after the setting `max_wait`, 503 if the
    gateway drains or Temporal does not answer. Each names the invocation, which a call may just have started.
    """
    settings: Settings = request.app.state.settings
    try:
        finished = await while_connected(
            request, invoker.wait(invocation_id), settings.max_wait, request.app.state.drain
        )
    except WaitedTooLong:
        detail = f"There is no outcome after {settings.max_wait.total_seconds():g} s."
        raise _continues(504, "not-finished", detail, invoker, invocation_id) from None
    except ShuttingDown:
        raise _continues(503, "shutting-down", "The gateway is shutting down.", invoker, invocation_id) from None
    except (RPCError, WorkflowQueryFailedError) as error:
        problem = temporal_problem(error)
        problem.extra.update(_about(invoker, invocation_id))
        raise problem from None
    return outcome_response(invoker, invocation_id, finished)


def _about(invoker: Invoker, invocation_id: str) -> dict[str, str]:
    return {"invocationId": written(invocation_id), "webUi": invoker.link(invocation_id)}


def _continues(status: int, type: str, what: str, invoker: Invoker, invocation_id: str) -> Problem:
    """The wait has ended and the invocation has not: a client learns its ID, and how to go on."""
    at = f"/invocations/{written(invocation_id)}"
    detail = f"{what} The invocation continues: wait again at {at}/attach, or ask at {at}/output."
    return Problem(status, type, detail, headers=RETRY, **_about(invoker, invocation_id))


def accepted_response(invoker: Invoker, submission: Submission) -> JSONResponse:
    """202: Temporal has the request, from this call or from an earlier one."""
    accepted = Accepted(
        invocation_id=submission.invocation_id,
        status="PreviouslyAccepted" if submission.repeated else "Accepted",
        execution_time=submission.execution_time,
    )
    return _response_202(invoker, submission.invocation_id, accepted)


def unfinished_response(invoker: Invoker, invocation_id: str, status: InvocationStatus) -> JSONResponse:
    """202: there is no outcome yet."""
    return _response_202(invoker, invocation_id, NotFinished(invocation_id=invocation_id, status=status))


def cancel_requested_response(invoker: Invoker, invocation_id: str) -> JSONResponse:
    """202: the invocation ends, unless it ends in another way before."""
    return _response_202(invoker, invocation_id, CancelRequested(invocation_id=invocation_id))


def _response_202(invoker: Invoker, invocation_id: str, body: Payload) -> JSONResponse:
    return JSONResponse(
        body.model_dump(mode="json", by_alias=True, exclude_none=True),
        202,
        execution_headers(invocation_id, invoker.link(invocation_id)),
    )
