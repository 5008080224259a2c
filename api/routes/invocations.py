"""Invocations by ID: what they are doing, their outcome, their cancellation."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import JsonValue

from api.gateway import Gateway, PatternRoutes
from api.http.openapi import EXECUTION_HEADERS
from api.http.problems import responses
from api.invokers.invocation import Finished, Invocation, Invoker, Unfinished
from api.routes.answers import (
    OUTCOME,
    CancelRequested,
    NotFinished,
    cancel_requested_response,
    outcome_response,
    unfinished_response,
    wait_for_outcome,
)
from api.routes.cancellations import add_cancellation_of_selections, invoker_of
from api.routes.events import add_invocation_events
from api.routes.parameters import InvocationId
from api.security.access import CurrentCaller, needs
from domain.access import Role
from domain.pattern import Pattern


def router(gateway: Gateway, patterns: dict[Pattern, PatternRoutes]) -> APIRouter:
    """Routes under `/invocations`; `patterns` has their invokers."""
    routes = APIRouter(prefix="/invocations", tags=["Invocations"])
    callers = needs(Role.CALLER)
    problems = responses(404, 409, 422, 503)
    outcome = {**problems, 200: OUTCOME}

    async def find(invocation_id: InvocationId, caller: CurrentCaller) -> Invoker:
        return invoker_of(patterns, caller, invocation_id)

    @routes.get("/{invocation_id}", dependencies=callers, operation_id="readInvocation", responses=problems)
    async def describe(invocation_id: InvocationId, invoker: Annotated[Invoker, Depends(find)]) -> Invocation:
        """What the invocation is doing: status, times, attempts, progress, and its page in the Web UI."""
        return await invoker.describe(invocation_id)

    @routes.get(
        "/{invocation_id}/output",
        dependencies=callers,
        operation_id="readOutput",
        response_model=JsonValue,
        responses={**outcome, 202: {"model": NotFinished, "headers": EXECUTION_HEADERS}},
    )
    async def output(invocation_id: InvocationId, invoker: Annotated[Invoker, Depends(find)]) -> JSONResponse:
        """The outcome; 202 while there is none."""
        outcome = await invoker.outcome(invocation_id)
        if isinstance(outcome, Unfinished):
            return unfinished_response(invoker, invocation_id, outcome.status)
        return outcome_response(invoker, invocation_id, outcome)

    @routes.get(
        "/{invocation_id}/attach",
        dependencies=needs(Role.CALLER, waits=True),
        operation_id="attach",
        response_model=JsonValue,
        responses={**outcome, **responses(504)},
    )
    async def attach(
        request: Request, invocation_id: InvocationId, invoker: Annotated[Invoker, Depends(find)]
    ) -> JSONResponse:
        """Wait for the outcome. If the client disconnects, or after a minute (`MAX_WAIT`), the invocation continues."""
        # This first question has a shorter limit than the wait: a client learns soon that Temporal is unavailable.
        outcome = await invoker.outcome(invocation_id)
        if isinstance(outcome, Finished):
            return outcome_response(invoker, invocation_id, outcome)
        return await wait_for_outcome(request, invoker, invocation_id)

    add_invocation_events(routes, gateway, find)
    add_cancellation_of_selections(routes, gateway, patterns)

    @routes.delete(
        "/{invocation_id}",
        dependencies=needs(Role.OPERATOR),
        status_code=202,
        operation_id="cancelInvocation",
        response_model=CancelRequested,
        responses={**problems, 202: {"headers": EXECUTION_HEADERS}},
    )
    async def cancel(invocation_id: InvocationId, invoker: Annotated[Invoker, Depends(find)]) -> JSONResponse:
        """Ask for cancellation, once or repeatedly; a saga compensates first."""
        await invoker.cancel(invocation_id)
        return cancel_requested_response(invoker, invocation_id)

    return routes
