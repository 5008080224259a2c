"""The two routes of every handler: run it and wait, or send it and go on.

POST /{Service}[/{key}]/{handler}                     the outcome
POST /{Service}[/{key}]/{handler}/send[?delay=10s]    202 at once
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from fastapi.responses import JSONResponse

from api.body import openapi_body, strict
from api.invocation import Call, Finished, Invoker, Submission, execution_headers
from api.problems import RESPONSES, Problem
from api.waiting import while_connected
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
        body: Annotated[Any, Depends(strict(handler.body))],
        idempotency_key: IdempotencyKey = None,
        delay: Delay = None,
    ) -> JSONResponse:
        if delay is not None:
            raise Problem(400, "delay-not-allowed", "A call that waits cannot be delayed; use /send.")
        invocation = Call(handler.name, body, key, idempotency_key)
        return await while_connected(request, _run(handler.invoker, invocation))

    async def send(
        key: Annotated[str | None, Depends(read_key)],
        body: Annotated[Any, Depends(strict(handler.body))],
        idempotency_key: IdempotencyKey = None,
        delay: Delay = None,
    ) -> JSONResponse:
        wait = parse_delay(delay) if delay is not None else timedelta(0)
        return _accepted(
            handler.invoker, await handler.invoker.submit(Call(handler.name, body, key, idempotency_key, wait))
        )

    about: dict[str, Any] = {
        "tags": [pattern.service],
        "openapi_extra": openapi_body(handler.body),
        "responses": RESPONSES,
    }
    router.add_api_route(
        path,
        call,
        methods=["POST"],
        response_model=handler.outcome,
        summary=f"{handler.name}: wait for the outcome",
        **about,
    )
    router.add_api_route(
        f"{path}/send",
        send,
        methods=["POST"],
        status_code=202,
        response_model=Accepted,
        summary=f"{handler.name}: send it, now or later",
        **about,
    )


async def _run(invoker: Invoker, call: Call) -> JSONResponse:
    submission = await invoker.submit(call)
    finished = await invoker.outcome(submission.invocation_id, wait=True)
    assert finished is not None, "a waiting call ends with an outcome or an error"
    return outcome_response(invoker, submission.invocation_id, finished)


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


def path_key(key: Annotated[str, Path(description="1 to 200 printable characters, no slash.")]) -> str:
    return valid_key(key)


def _no_key() -> None:
    return None
