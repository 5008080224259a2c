"""Invocations by ID: what they are doing, what came of them, and their end."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import JSONResponse

from api.gateway import PatternRoutes
from api.invocation import Invocation, Invoker, execution_headers
from api.problems import RESPONSES, unknown
from api.service import outcome_response
from api.waiting import while_connected
from domain.payload import Payload

InvocationId = Annotated[str, Path(max_length=1000)]


class StillRunning(Payload):
    """There is no outcome yet."""

    invocation_id: str
    status: str


def router(patterns: dict[str, PatternRoutes]) -> APIRouter:
    """Routes under `/invocations`; `patterns` has an invoker for each prefix of an ID."""
    routes = APIRouter(prefix="/invocations", tags=["Invocations"], responses=RESPONSES)

    def find(invocation_id: InvocationId) -> Invoker:
        prefix, _, key = invocation_id.partition(":")
        if prefix not in patterns or not key:
            raise unknown(f"The invocation {invocation_id}")
        return patterns[prefix].invoker

    @routes.get("/{invocation_id}")
    async def describe(invocation_id: InvocationId, invoker: Annotated[Invoker, Depends(find)]) -> Invocation:
        """What it is doing: status, times, attempts, progress, and where the Web UI shows it."""
        return await invoker.describe(invocation_id)

    @routes.get("/{invocation_id}/output", responses={202: {"model": StillRunning}})
    async def output(invocation_id: InvocationId, invoker: Annotated[Invoker, Depends(find)]) -> JSONResponse:
        """The outcome; 202 while there is none."""
        finished = await invoker.outcome(invocation_id, wait=False)
        if finished is None:
            return _still_running(invoker, invocation_id)
        return outcome_response(invoker, invocation_id, finished)

    @routes.get("/{invocation_id}/attach")
    async def attach(
        request: Request, invocation_id: InvocationId, invoker: Annotated[Invoker, Depends(find)]
    ) -> JSONResponse:
        """Wait for the outcome. Going away ends the waiting, not the invocation."""
        finished = await while_connected(request, invoker.outcome(invocation_id, wait=True))
        assert finished is not None, "waiting ends with an outcome or an error"
        return outcome_response(invoker, invocation_id, finished)

    @routes.delete("/{invocation_id}", status_code=202)
    async def cancel(invocation_id: InvocationId, invoker: Annotated[Invoker, Depends(find)]) -> JSONResponse:
        """Ask for cancellation; a saga compensates first."""
        await invoker.cancel(invocation_id)
        return _still_running(invoker, invocation_id, "CANCEL_REQUESTED")

    return routes


def _still_running(invoker: Invoker, invocation_id: str, status: str = "RUNNING") -> JSONResponse:
    body = StillRunning(invocation_id=invocation_id, status=status)
    headers = execution_headers(invocation_id, invoker.link(invocation_id))
    return JSONResponse(body.model_dump(mode="json", by_alias=True), 202, headers)
