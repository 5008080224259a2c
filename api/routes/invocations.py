"""Invocations by ID: what they are doing, what came of them, and their end."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import JsonValue

from api.gateway import PatternRoutes
from api.http.openapi import EXECUTION_HEADERS
from api.http.problems import not_found, responses
from api.invokers.invocation import Invocation, InvocationId, Invoker, execution_headers, names_an_execution
from api.routes.handlers import OUTCOME, outcome_response, wait_for_outcome
from domain.patterns import Pattern
from domain.payload import Payload


class StillRunning(Payload):
    """There is no outcome yet."""

    invocation_id: str
    status: str


def router(patterns: dict[Pattern, PatternRoutes]) -> APIRouter:
    """Routes under `/invocations`; `patterns` has their invokers."""
    routes = APIRouter(prefix="/invocations", tags=["Invocations"])
    problems = responses(404, 409, 422, 503)
    outcome = {**problems, 200: OUTCOME}

    async def find(invocation_id: InvocationId) -> Invoker:
        for pattern, added in patterns.items():
            if names_an_execution(pattern, invocation_id):
                return added.invoker
        raise not_found(f"Invocation {invocation_id}")

    @routes.get("/{invocation_id}", operation_id="readInvocation", responses=problems)
    async def describe(invocation_id: InvocationId, invoker: Annotated[Invoker, Depends(find)]) -> Invocation:
        """What it is doing: status, times, attempts, progress, and where the Web UI shows it."""
        return await invoker.describe(invocation_id)

    @routes.get(
        "/{invocation_id}/output",
        operation_id="readOutput",
        response_model=JsonValue,
        responses={**outcome, 202: {"model": StillRunning, "headers": EXECUTION_HEADERS}},
    )
    async def output(invocation_id: InvocationId, invoker: Annotated[Invoker, Depends(find)]) -> JSONResponse:
        """The outcome; 202 while there is none."""
        finished = await invoker.outcome(invocation_id)
        if finished is None:
            return _still_running(invoker, invocation_id)
        return outcome_response(invoker, invocation_id, finished)

    @routes.get("/{invocation_id}/attach", operation_id="attach", response_model=JsonValue, responses=outcome)
    async def attach(
        request: Request, invocation_id: InvocationId, invoker: Annotated[Invoker, Depends(find)]
    ) -> JSONResponse:
        """Wait for the outcome. Going away ends the waiting, not the invocation."""
        # Waiting has no end of its own: the question before it has, and tells soon that Temporal is away.
        finished = await invoker.outcome(invocation_id)
        if finished is not None:
            return outcome_response(invoker, invocation_id, finished)
        return await wait_for_outcome(request, invoker, invocation_id)

    @routes.delete(
        "/{invocation_id}",
        status_code=202,
        operation_id="cancelInvocation",
        response_model=StillRunning,
        responses={**problems, 202: {"headers": EXECUTION_HEADERS}},
    )
    async def cancel(invocation_id: InvocationId, invoker: Annotated[Invoker, Depends(find)]) -> JSONResponse:
        """Ask for cancellation; a saga compensates first."""
        await invoker.cancel(invocation_id)
        return _still_running(invoker, invocation_id, "CANCEL_REQUESTED")

    return routes


def _still_running(invoker: Invoker, invocation_id: str, status: str = "RUNNING") -> JSONResponse:
    body = StillRunning(invocation_id=invocation_id, status=status)
    headers = execution_headers(invocation_id, invoker.link(invocation_id))
    return JSONResponse(body.model_dump(mode="json", by_alias=True), 202, headers)
