"""Lists of executions: of all services, of one service, and how many have which status."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field

from api.gateway import Gateway
from api.http.problems import responses
from api.invokers.executions import Position, count, executions
from api.invokers.invocation import InvocationStatus
from api.invokers.selection import Execution, Selection
from api.invokers.written_ids import WrittenId
from api.routes.conditions import Asked, Cursor, NextCursor, listed, position, reachable
from api.routes.parameters import Limit
from api.security.access import CurrentCaller, needs
from domain.access import Role
from domain.booking import BOOKING
from domain.pattern import Entity, Pattern
from domain.patterns import ENTITIES, PATTERNS
from domain.payload import Payload

MAX_LISTINGS = 4
"""Pages that are put together at the same time; others wait."""


class ListedExecution(Payload):
    """An execution as Temporal's index has it, which is a moment behind."""

    invocation_id: Annotated[
        WrittenId | None, Field(description="For `/invocations/{id}`; null for an entity, which lasts.")
    ]
    service: str
    key: str | None
    status: InvocationStatus
    pattern_status: Annotated[
        str | None, Field(description="What the workflow says of itself, as `COMPENSATION_STUCK`.")
    ]
    started_at: datetime
    execution_time: Annotated[datetime | None, Field(description="The end of a delay.")]
    finished_at: datetime | None
    web_ui: str


class ExecutionPage(Payload):
    """Executions, the last started first. `next` is null on the last page.

    Each execution that existed when the first page was read is on one page, whatever starts, ends or continues as new
    in between. A page has fewer than `limit`, or none, if few of many match: read on at `next`.
    """

    executions: list[ListedExecution]
    next: NextCursor | None


class Counts(Payload):
    """How many executions of a service have which status. One that waits for the end of its delay is running here."""

    service: str
    counts: dict[InvocationStatus, int]


KEYED = frozenset({BOOKING.service, *ENTITIES})
"""Services whose executions have keys that callers choose."""


def router(gateway: Gateway) -> APIRouter:
    routes = APIRouter()
    operators = needs(Role.OPERATOR)
    listing = asyncio.Semaphore(MAX_LISTINGS)

    async def page(selection: Selection, cursor: str | None, limit: int) -> ExecutionPage:
        after = position(Position.parse, cursor)
        async with listing:
            found = await executions(gateway.client, selection, after, limit)
        return ExecutionPage(
            executions=[_listed(each, gateway) for each in found.executions],
            next=NextCursor.of(found.next),
        )

    @routes.get(
        "/invocations",
        tags=["Invocations"],
        dependencies=operators,
        operation_id="listInvocations",
        responses=responses(400, 422, 503),
    )
    async def list_invocations(
        selection: Annotated[Selection, Depends(listed)], cursor: Cursor = None, limit: Limit = 50
    ) -> ExecutionPage:
        """Executions that match every condition, the last started first: trips, jobs, tasks, entities, and delayed
        messages to entities."""
        return await page(selection, cursor, limit)

    @routes.get(
        "/invocations/counts",
        tags=["Invocations"],
        dependencies=operators,
        operation_id="countInvocations",
        responses=responses(503),
    )
    async def counts(caller: CurrentCaller) -> list[Counts]:
        """How many executions of each service have which status."""
        selected = reachable(caller, None)
        async with listing:
            counted = await asyncio.gather(*(count(gateway.client, pattern) for pattern in selected))
        return [Counts(service=p.service, counts=c) for p, c in zip(selected, counted, strict=True)]

    for pattern in (each for each in PATTERNS if each.service in KEYED):
        _add_keys(routes, pattern, page)
    return routes


def _add_keys(
    routes: APIRouter, pattern: Pattern, page: Callable[[Selection, str | None, int], Awaitable[ExecutionPage]]
) -> None:
    @routes.get(
        f"/{pattern.service}",
        tags=[pattern.service],
        dependencies=needs(Role.OPERATOR, pattern.service),
        operation_id=f"{pattern.service}_keys",
        responses=responses(422, 503),
    )
    async def keys(caller: CurrentCaller, conditions: Asked, cursor: Cursor = None, limit: Limit = 50) -> ExecutionPage:
        """The keys, the last started first, each with what its workflow says of itself. An entity starts again
        when it continues as new."""
        selection = conditions.selection((pattern.of(caller.tenant),))
        return await page(replace(selection, with_activities=False), cursor, limit)


def _listed(execution: Execution, gateway: Gateway) -> ListedExecution:
    is_entity = isinstance(execution.pattern, Entity) and not execution.is_activity
    link = gateway.web_ui.activity if execution.is_activity else gateway.web_ui.workflow
    return ListedExecution(
        invocation_id=None if is_entity else execution.id,
        service=execution.pattern.service,
        key=execution.key,
        status=execution.status,
        pattern_status=execution.pattern_status,
        started_at=execution.started_at,
        execution_time=execution.execution_time,
        finished_at=execution.finished_at,
        web_ui=link(execution.id),
    )
