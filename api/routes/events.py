"""Live events: what an invocation, a key or a subscription is doing, as Server-Sent Events."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, params
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import TypeAdapter

from api.gateway import Gateway
from api.http.problems import Problem, responses
from api.http.watches import Snapshot, Watch, events
from api.invokers.invocation import Finished, Invoker, Unfinished
from api.routes.parameters import InvocationId, Key
from api.security.access import CurrentCaller, needs
from domain.access import Role
from domain.pattern import Pattern
from domain.payload import Payload
from domain.subscription import SubscriptionRef

LastEventId = Annotated[
    str | None,
    Header(alias="Last-Event-ID", max_length=100, description="Of the last event: that state is not sent again."),
]
EVENTS: dict[str, Any] = {
    "description": (
        "`state` now and at each change, `unavailable` while Temporal cannot be asked, `gone` if it was deleted, and "
        "in the end `outcome`. What changes within half a second is one event."
    )
}
STREAM = {**responses(400, 404, 409, 422, 503), 200: EVENTS}


def add_invocation_events(routes: APIRouter, gateway: Gateway, find: Callable[..., Awaitable[Invoker]]) -> None:
    """Give `routes` the events of invocations; `find` returns the invoker that knows the ID."""

    async def watched(invocation_id: InvocationId, invoker: Annotated[Invoker, Depends(find)]) -> AsyncIterator[Watch]:
        async def read() -> Snapshot:
            return await _invocation(invoker, invocation_id)

        async with gateway.watches.watching(f"invocation {invocation_id}", read) as watch:
            yield watch

    _add_stream(
        routes,
        "/{invocation_id}/events",
        watched,
        access=needs(Role.CALLER, waits=True),
        operation_id="watchInvocation",
        description="What the invocation is doing, as it changes, until it has an outcome.",
    )


def add_key_events(
    routes: APIRouter,
    gateway: Gateway,
    pattern: Pattern,
    read_state: Callable[[Pattern, str], Awaitable[Any]],
    adapter: TypeAdapter[Any],
) -> None:
    """Give `routes` the events of the pattern's keys, whose state `read_state` returns."""

    async def watched(key: Key, caller: CurrentCaller) -> AsyncIterator[Watch]:
        owned = pattern.of(caller.tenant)

        async def read() -> Snapshot:
            return Snapshot(adapter.dump_json(await read_state(owned, key), by_alias=True).decode())

        async with gateway.watches.watching(f"key {owned.execution_id(key)}", read) as watch:
            yield watch

    _add_stream(
        routes,
        f"/{pattern.service}/{{key}}/events",
        watched,
        access=needs(Role.CALLER, pattern.service, waits=True),
        operation_id=f"{pattern.service}_watch",
        description="The key's state, as it changes.",
    )


def add_subscription_events(
    routes: APIRouter,
    gateway: Gateway,
    reachable: Callable[..., Awaitable[SubscriptionRef]],
    view: Callable[[SubscriptionRef], Awaitable[Payload]],
) -> None:
    """Give `routes` the events of subscriptions, which `view` shows."""

    async def watched(ref: Annotated[SubscriptionRef, Depends(reachable)]) -> AsyncIterator[Watch]:
        async def read() -> Snapshot:
            return Snapshot((await view(ref)).model_dump_json(by_alias=True))

        async with gateway.watches.watching(f"subscription {ref.workflow_id}", read) as watch:
            yield watch

    _add_stream(
        routes,
        "/{subscription_id}/events",
        watched,
        access=needs(Role.OPERATOR, waits=True),
        operation_id="watchSubscription",
        description="Status, last error and progress, as they change.",
    )


def _add_stream(
    routes: APIRouter,
    path: str,
    watched: Callable[..., AsyncIterator[Watch]],
    *,
    access: Sequence[params.Depends],
    operation_id: str,
    description: str,
) -> None:
    @routes.get(
        path,
        dependencies=access,
        operation_id=operation_id,
        description=description,
        response_class=EventSourceResponse,
        responses=STREAM,
    )
    async def stream(
        watch: Annotated[Watch, Depends(watched)], last_event_id: LastEventId = None
    ) -> AsyncIterator[ServerSentEvent]:
        async for event in events(watch, last_event_id):
            yield event


async def _invocation(invoker: Invoker, invocation_id: str) -> Snapshot:
    """What the invocation is doing, and its outcome once it has one: as `/output` would answer."""
    outcome = await _outcome(invoker, invocation_id)
    state = (await invoker.describe(invocation_id)).model_dump_json(by_alias=True)
    return Snapshot(state, json.dumps(outcome) if outcome else None)


async def _outcome(invoker: Invoker, invocation_id: str) -> dict[str, Any] | None:
    try:
        found: Finished | Unfinished = await invoker.outcome(invocation_id)
    except Problem as problem:
        if "invocationId" not in problem.extra:
            raise  # it does not exist; a failure names the invocation
        return {"status": problem.status, "body": problem.document()}
    if isinstance(found, Unfinished):
        return None
    return {"status": 200, "body": found.value}
