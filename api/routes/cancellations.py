"""Cancel a selection: `POST /invocations/cancel`, by IDs or by the conditions of the list of executions."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import Field

from api.gateway import Gateway, PatternRoutes
from api.http.body import StrictBody
from api.http.problems import BODY_STATUSES, not_found, responses
from api.invokers.bulk import MAX_SELECTED
from api.invokers.executions import Position, executions
from api.invokers.invocation import InvocationStatus, Invoker, names_an_execution
from api.invokers.written_ids import read
from api.routes.conditions import MAX_PATTERN_STATUS_LENGTH, Conditions, position, reachable
from api.routes.selections import NamedId, Operations, SelectionReport, SelectionRequest
from api.security.access import CurrentCaller, must_reach, needs
from domain.access import Caller, Role
from domain.formats import Timestamp
from domain.pattern import MAX_KEY_LENGTH, Pattern

OPEN = (InvocationStatus.SCHEDULED, InvocationStatus.RUNNING)


class CancelRequest(SelectionRequest):
    """Invocations by ID, or all open ones that match every condition, of which there must be one.

    Conditions are those of `GET /invocations`. They mean no entities, which last, but delayed messages to them.
    """

    OTHERS = ("service", "key", "status", "pattern_status", "since")

    invocation_ids: Annotated[list[NamedId] | None, Field(min_length=1, max_length=MAX_SELECTED)] = None
    service: Annotated[str | None, Field(max_length=MAX_KEY_LENGTH)] = None
    key: Annotated[str | None, Field(max_length=MAX_KEY_LENGTH)] = None
    status: Literal["SCHEDULED", "RUNNING"] | None = None
    pattern_status: Annotated[str | None, Field(max_length=MAX_PATTERN_STATUS_LENGTH)] = None
    since: Timestamp | None = None


def invoker_of(patterns: Mapping[Pattern, PatternRoutes], caller: Caller, invocation_id: str) -> Invoker:
    """The invoker that knows the ID. Raises `Problem` 404, and 403 for a service that the caller may not reach."""
    for pattern, added in patterns.items():
        if names_an_execution(pattern.of(caller.tenant), invocation_id):
            must_reach(caller, pattern.service)
            return added.invoker.of(caller.tenant)
    raise not_found(f"Invocation {invocation_id}")


def add_cancellation_of_selections(
    routes: APIRouter, gateway: Gateway, patterns: Mapping[Pattern, PatternRoutes]
) -> None:
    """Give `routes`, those under `/invocations`, the operation."""

    async def matching(request: CancelRequest, caller: Caller) -> tuple[Operations, Position | None]:
        conditions = Conditions(request.key, request.status, request.pattern_status, request.since, written_in="")
        meant = conditions.selection(reachable(caller, request.service, written_in=""))
        selection = replace(meant, statuses=meant.statuses or OPEN, with_entities=False)
        after = position(Position.parse, request.cursor, written_in="")
        page = await executions(gateway.client, selection, after, request.limit)
        return cancelling((each.id for each in page.executions), caller), page.next

    def cancelling(ids: Iterable[str], caller: Caller) -> Operations:
        return {id: partial(cancel_one, id, caller) for id in ids}

    async def cancel_one(invocation_id: str, caller: Caller) -> None:
        await invoker_of(patterns, caller, invocation_id).cancel(invocation_id)

    @routes.post(
        "/cancel",
        dependencies=needs(Role.OPERATOR),
        operation_id="cancelInvocations",
        responses=responses(*BODY_STATUSES, 503),
    )
    async def cancel(
        request: Annotated[CancelRequest, Depends(StrictBody(CancelRequest))], caller: CurrentCaller
    ) -> SelectionReport:
        """Ask for the cancellation of up to 200 invocations, and report on each; sagas compensate first.

        A request that is repeated cancels nothing twice. It ends after 15 s, and names what it left.
        """
        return await request.carry_out(
            gateway.bulk.begin(),
            named=lambda: cancelling(map(read, request.invocation_ids or ()), caller),
            page=lambda: matching(request, caller),
        )
