"""Lists of executions: of all services, of one service, and how many have which status."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from api.gateway import Gateway
from api.http.problems import Problem, responses
from api.invokers.executions import STATUSES, Execution, Position, Selection, count, executions
from api.invokers.invocation import InvocationStatus
from api.invokers.written_ids import WrittenId
from api.routes.parameters import Limit
from api.security.access import CurrentCaller, must_reach, needs
from domain.access import Caller, Role
from domain.booking import BOOKING
from domain.formats import Timestamp, read_time
from domain.pattern import MAX_KEY_LENGTH, Entity, Pattern, valid_key
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
    pattern_status: Annotated[str | None, Field(description="What the workflow says of itself, as `AWAITING_PAYMENT`.")]
    started_at: datetime
    execution_time: Annotated[datetime | None, Field(description="The end of a delay.")]
    finished_at: datetime | None
    web_ui: str


class NextExecutions(Payload):
    """The query of the next page, beside the conditions of this one."""

    cursor: str


class ExecutionPage(Payload):
    """Executions, the last started first. `next` is null on the last page.

    Each execution that existed when the first page was read is on one page, whatever starts, ends or continues as new
    in between. A page has fewer than `limit`, or none, if few of many match: read on at `next`.
    """

    executions: list[ListedExecution]
    next: NextExecutions | None


class Counts(Payload):
    """How many executions of a service have which status. One that waits for the end of its delay is running here."""

    service: str
    counts: dict[InvocationStatus, int]


SERVICES = {pattern.service: pattern for pattern in PATTERNS}
KEYED = frozenset({BOOKING.service, *ENTITIES})
"""Services whose executions have keys that callers choose."""
Service = Annotated[str | None, Query(json_schema_extra={"enum": list(SERVICES)}, description="All by default.")]
ListedKey = Annotated[str | None, Query(description="Only this key.", max_length=MAX_KEY_LENGTH)]
Status = Annotated[str | None, Query(json_schema_extra={"enum": sorted(STATUSES)})]
Since = Annotated[Timestamp | None, Query(description="What started at this time or later.")]
Cursor = Annotated[str | None, Query(max_length=200, description="Of `next`: continue there.")]


def router(gateway: Gateway) -> APIRouter:
    routes = APIRouter()
    operators = needs(Role.OPERATOR)
    listing = asyncio.Semaphore(MAX_LISTINGS)

    async def page(selection: Selection, cursor: str | None, limit: int) -> ExecutionPage:
        after = _position(cursor)
        async with listing:
            found = await executions(gateway.client, selection, after, limit)
        return ExecutionPage(
            executions=[_listed(each, gateway) for each in found.executions],
            next=NextExecutions(cursor=str(found.next)) if found.next else None,
        )

    @routes.get(
        "/invocations",
        tags=["Invocations"],
        dependencies=operators,
        operation_id="listInvocations",
        responses=responses(400, 422, 503),
    )
    async def list_invocations(
        selection: Annotated[Selection, Depends(_conditions)], cursor: Cursor = None, limit: Limit = 50
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
        selected = _selected(caller, None)
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
    async def keys(
        caller: CurrentCaller, status: Status = None, since: Since = None, cursor: Cursor = None, limit: Limit = 50
    ) -> ExecutionPage:
        """The keys, the last started first, each with what its workflow says of itself. An entity starts again
        when it continues as new."""
        selection = _selection((pattern.of(caller.tenant),), None, status, since)
        return await page(replace(selection, with_activities=False), cursor, limit)


async def _conditions(
    caller: CurrentCaller, service: Service = None, key: ListedKey = None, status: Status = None, since: Since = None
) -> Selection:
    """Raises `Problem` 403 and 422, and `InvalidKey`."""
    return _selection(_selected(caller, service), key, status, since)


def _selected(caller: Caller, service: str | None) -> tuple[Pattern, ...]:
    """Raises `Problem` 403 for a service that the caller may not reach, 422 for one that does not exist."""
    if service is None:
        return tuple(p.of(caller.tenant) for p in PATTERNS if caller.may_reach(p.service))
    if service not in SERVICES:
        raise _invalid("service", f"There is no such service; there are {', '.join(SERVICES)}.")
    must_reach(caller, service)
    return (SERVICES[service].of(caller.tenant),)


def _selection(patterns: tuple[Pattern, ...], key: str | None, status: str | None, since: str | None) -> Selection:
    """Raises `Problem` 422, and `InvalidKey`."""
    if status is not None and status not in STATUSES:
        raise _invalid("status", f"Executions cannot be searched for this status; for {', '.join(sorted(STATUSES))}.")
    return Selection(
        patterns,
        key=valid_key(key) if key is not None else None,
        status=InvocationStatus(status) if status else None,
        since=read_time(since) if since else None,
    )


def _position(cursor: str | None) -> Position | None:
    """Raises `Problem` 422."""
    try:
        return Position.parse(cursor) if cursor is not None else None
    except ValueError:
        raise _invalid("cursor", "Use the `next` of the page before.") from None


def _invalid(parameter: str, message: str) -> Problem:
    field = {"field": f"query.{parameter}", "message": message}
    return Problem(422, "invalid-request", f"{field['field']}: {message}", errors=[field])


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
