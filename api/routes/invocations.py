"""Invocations by ID: what they are doing, their outcome, their cancellation."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import JsonValue

from api.gateway import PatternRoutes
from api.http.openapi import EXECUTION_HEADERS
from api.http.problems import not_found, responses
from api.invokers.invocation import Invocation, Invoker, names_an_execution
from api.routes.answers import OUTCOME, StillRunning, outcome_response, still_running_response, wait_for_outcome
from api.routes.parameters import InvocationId
from domain.pattern import Pattern


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
        """What the invocation is doing: status, times, attempts, progress, and its page in the Web UI."""
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
            return still_running_response(invoker, invocation_id, "RUNNING")
        return outcome_response(invoker, invocation_id, finished)

    @routes.get("/{invocation_id}/attach", operation_id="attach", response_model=JsonValue, responses=outcome)
    async def attach(
        request: Request, invocation_id: InvocationId, invoker: Annotated[Invoker, Depends(find)]
    ) -> JSONResponse:
        """Wait for the outcome. If the client disconnects, the invocation continues."""
        # Waiting has no time limit, but this first question has: a client learns soon that Temporal is unavailable.
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
        return still_running_response(invoker, invocation_id, "CANCEL_REQUESTED")

    return routes
