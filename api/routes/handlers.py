"""The two routes of every handler: run it and wait for the outcome, or send it and return at once.

POST /{Service}[/{key}]/{handler}                     the outcome
POST /{Service}[/{key}]/{handler}/send[?delay=10s]    202
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from api.http.body import StrictBody
from api.http.problems import BODY_STATUSES, Problem, responses
from api.invokers.invocation import Call, Invoker
from api.routes.answers import ACCEPTED, OUTCOME, Accepted, accepted_response, wait_for_outcome
from api.routes.parameters import Delay, IdempotencyKey, path_key
from api.security.access import CurrentCaller, needs
from domain.access import Role
from domain.delay import parse_delay
from domain.pattern import Pattern
from domain.payload import Payload


@dataclass(frozen=True)
class HandlerRoute:
    """A handler as a route: what it takes, what it returns, how it runs."""

    name: str
    body: type[Payload]
    outcome: type[Payload] | None
    invoker: Invoker


def add_handler_routes(router: APIRouter, pattern: Pattern, handler: HandlerRoute, *, keyed: bool) -> None:
    """Give `router` the handler's two routes."""
    read_key = path_key if keyed else _no_key

    async def read_call(
        key: Annotated[str | None, Depends(read_key)],
        body: Annotated[Any, Depends(StrictBody(handler.body))],
        idempotency_key: IdempotencyKey,
        delay: Delay = None,
    ) -> Call:
        pause = parse_delay(delay) if delay is not None else timedelta(0)
        return Call(handler.name, body, key, idempotency_key, pause)

    async def run(request: Request, call: Annotated[Call, Depends(read_call)], caller: CurrentCaller) -> JSONResponse:
        if "delay" in request.query_params:
            raise Problem(400, "delay-not-allowed", "A call that waits for the outcome cannot be delayed: use /send.")
        # A disconnect does not stop this: once the body has been read, the call goes to Temporal.
        invoker = handler.invoker.of(caller.tenant)
        submission = await invoker.submit(call)
        return await wait_for_outcome(request, invoker, submission.invocation_id)

    async def send(call: Annotated[Call, Depends(read_call)], caller: CurrentCaller) -> JSONResponse:
        invoker = handler.invoker.of(caller.tenant)
        return accepted_response(invoker, await invoker.submit(call))

    path = f"/{pattern.service}{'/{key}' if keyed else ''}/{handler.name}"
    name = f"{pattern.service}_{handler.name}"
    problems = responses(*BODY_STATUSES, 409, 503)
    router.add_api_route(
        path,
        run,
        methods=["POST"],
        dependencies=needs(Role.CALLER, pattern.service, waits=True),
        response_model=handler.outcome,
        operation_id=name,
        responses={**problems, **responses(504), 200: OUTCOME},
        summary=f"{handler.name}: wait for the outcome",
    )
    router.add_api_route(
        f"{path}/send",
        send,
        methods=["POST"],
        dependencies=needs(Role.CALLER, pattern.service),
        status_code=202,
        response_model=Accepted,
        operation_id=f"{name}_send",
        responses={**problems, 202: ACCEPTED},
        summary=f"{handler.name}: send it, now or later",
    )


async def _no_key() -> None:
    return None
