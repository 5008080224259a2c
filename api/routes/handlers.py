"""The two routes of every handler: run it and wait, or send it and go on.

POST /{Service}[/{key}]/{handler}                     the outcome
POST /{Service}[/{key}]/{handler}/send[?delay=10s]    202 at once
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from fastapi.responses import JSONResponse

from api.http.body import StrictBody
from api.http.openapi import EXECUTION_HEADERS, links
from api.http.problems import BODY_STATUSES, MAX_FIELDS, Problem, responses
from api.http.waiting import while_connected
from api.invokers.invocation import Call, Finished, Invoker, Submission, execution_headers
from domain.delay import parse_delay
from domain.patterns import Pattern, valid_key
from domain.payload import Payload

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="Same key and body: the first outcome, failures too. Same key, other body: 409.",
    ),
]
Delay = Annotated[str | None, Query(description="`1500ms`, `10s`, `5m`, `12h`, `7d` or ISO 8601; up to 366 days.")]


class Accepted(Payload):
    """Temporal holds the request durably."""

    invocation_id: str
    status: Literal["Accepted", "PreviouslyAccepted"]
    execution_time: datetime | None = None


OUTCOME: dict[str, Any] = {"description": "The outcome.", "headers": EXECUTION_HEADERS}
ACCEPTED: dict[str, Any] = {
    "description": "Temporal has it.",
    "headers": EXECUTION_HEADERS,
    "links": links(
        "invocation_id", "$response.body#/invocationId", ("readInvocation", "readOutput", "attach", "cancelInvocation")
    ),
}


@dataclass(frozen=True)
class Handler:
    """A handler of a service: what it takes, what it returns, how it runs."""

    name: str
    body: type[Payload]
    outcome: type[Payload] | None
    invoker: Invoker


def add_routes(router: APIRouter, pattern: Pattern, handler: Handler, *, keyed: bool) -> None:
    """Give `router` the handler's two routes."""
    path = f"/{pattern.service}{'/{key}' if keyed else ''}/{handler.name}"
    read_key = path_key if keyed else _no_key

    async def call(
        request: Request,
        key: Annotated[str | None, Depends(read_key)],
        body: Annotated[Any, Depends(StrictBody(handler.body))],
        idempotency_key: IdempotencyKey = None,
        delay: Delay = None,
    ) -> JSONResponse:
        _no_other_query(request)
        if delay is not None:
            raise Problem(400, "delay-not-allowed", "A call that waits cannot be delayed; use /send.")
        # Not stopped by a disconnect: what was read as a whole is handed to Temporal, whoever waits for it.
        submission = await handler.invoker.submit(Call(handler.name, body, key, idempotency_key))
        return await wait_for_outcome(request, handler.invoker, submission.invocation_id)

    async def send(
        request: Request,
        key: Annotated[str | None, Depends(read_key)],
        body: Annotated[Any, Depends(StrictBody(handler.body))],
        idempotency_key: IdempotencyKey = None,
        delay: Delay = None,
    ) -> JSONResponse:
        _no_other_query(request)
        wait = parse_delay(delay) if delay is not None else timedelta(0)
        return _accepted(
            handler.invoker, await handler.invoker.submit(Call(handler.name, body, key, idempotency_key, wait))
        )

    about: dict[str, Any] = {
        "tags": [pattern.service],
    }
    problems = responses(*BODY_STATUSES, 409, 503)
    name = f"{pattern.service}_{handler.name}"
    router.add_api_route(
        path,
        call,
        methods=["POST"],
        response_model=handler.outcome,
        operation_id=name,
        responses={**problems, 200: OUTCOME},
        summary=f"{handler.name}: wait for the outcome",
        **about,
    )
    router.add_api_route(
        f"{path}/send",
        send,
        methods=["POST"],
        status_code=202,
        response_model=Accepted,
        operation_id=f"{name}_send",
        responses={**problems, 202: ACCEPTED},
        summary=f"{handler.name}: send it, now or later",
        **about,
    )


async def wait_for_outcome(request: Request, invoker: Invoker, invocation_id: str) -> JSONResponse:
    """The outcome, as long as the client waits for it."""
    finished = await while_connected(request, invoker.wait(invocation_id))
    return outcome_response(invoker, invocation_id, finished)


def _no_other_query(request: Request) -> None:
    """Refuse what nobody reads: with a misspelt delay a call would run at once."""
    names = [name for name, _ in request.query_params.multi_items()]
    if names not in ([], ["delay"]):
        fields = [
            {"field": f"query.{name[:100]}", "message": "Only one delay is known."} for name in names[:MAX_FIELDS]
        ]
        raise Problem(422, "invalid-request", "The query may have one delay, and nothing else.", errors=fields)


def outcome_response(invoker: Invoker, invocation_id: str, finished: Finished) -> JSONResponse:
    """The outcome as the body; the invocation's ID and its link into the Web UI as headers."""
    return JSONResponse(finished.value, headers=execution_headers(invocation_id, invoker.link(invocation_id)))


def _accepted(invoker: Invoker, submission: Submission) -> JSONResponse:
    accepted = Accepted(
        invocation_id=submission.invocation_id,
        status="PreviouslyAccepted" if submission.repeated else "Accepted",
        execution_time=submission.execution_time,
    )
    return JSONResponse(
        accepted.model_dump(mode="json", by_alias=True, exclude_none=True),
        202,
        headers=execution_headers(submission.invocation_id, invoker.link(submission.invocation_id)),
    )


# Coroutines, since FastAPI hands a dependency that is none to a thread: that costs more than what these do.
async def path_key(key: Annotated[str, Path(description="1 to 200 printable characters, no slash.")]) -> str:
    return valid_key(key)


async def _no_key() -> None:
    return None
