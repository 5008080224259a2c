"""Decide for a selection of stuck trips: `POST /BookingWorkflow/resolveCompensations`."""

from collections.abc import Iterable
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field, model_validator

from api.gateway import Gateway
from api.http.body import StrictBody
from api.http.problems import BODY_STATUSES, Problem, responses
from api.invokers.bulk import MAX_SELECTED, Item
from api.invokers.executions import Position, executions
from api.invokers.invocation import InvocationStatus
from api.invokers.policies import RPC_TIMEOUT
from api.invokers.selection import Selection
from api.routes.conditions import NextCursor, position
from api.routes.selections import All, Operations, SelectionRequest
from api.routes.updates import Decision
from api.security.access import CurrentCaller, needs
from domain.access import Role
from domain.booking import BOOKING, TripState, TripStatus
from domain.compensation import CompensationStatus, Resolution, must_decide
from domain.pattern import MAX_KEY_LENGTH, Pattern, valid_key
from domain.payload import Payload
from workflows.booking import BookingWorkflow

NOT_STUCK = "not-stuck"
TripKey = Annotated[str, Field(min_length=1, max_length=MAX_KEY_LENGTH)]


class ResolveTripsRequest(SelectionRequest):
    """Trips by key, or all that are stuck; and what is decided for the compensation, or for each that is stuck."""

    NAMES = "keys"

    keys: Annotated[list[TripKey] | None, Field(min_length=1, max_length=MAX_SELECTED)] = None
    all: All = None
    compensation: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    retry: bool = False
    note: Annotated[str, Field(max_length=1000)] = ""

    @model_validator(mode="after")
    def _decides(self) -> "ResolveTripsRequest":
        must_decide(self.retry, self.note)
        return self

    def resolution(self, compensation: str) -> Resolution:
        return Resolution(compensation=compensation, retry=self.retry, note=self.note)


class TripItem(Item):
    """A trip of the selection, and what became of it."""

    key: str


class ResolveTripsReport(Payload):
    """`next` has the cursor for further stuck trips; `LEFT` ones are resolved by their keys."""

    items: list[TripItem]
    next: NextCursor | None


def add_resolution_of_selections(router: APIRouter, gateway: Gateway, decision: Decision) -> None:
    """Give `router` the operation; `decision` is that for one trip."""

    @router.post(
        f"/{BOOKING.service}/resolveCompensations",
        dependencies=needs(Role.OPERATOR, BOOKING.service),
        operation_id="resolveCompensations",
        responses=responses(*BODY_STATUSES, 503),
    )
    async def resolve(
        request: Annotated[ResolveTripsRequest, Depends(StrictBody(ResolveTripsRequest))], caller: CurrentCaller
    ) -> ResolveTripsReport:
        """Decide for up to 200 stuck trips, and report on each.

        It ends after 15 s, and names what it left. Repeat it: a decision that was taken is not taken twice.
        """
        owned = decision.of(caller.tenant)
        pattern = owned.pattern

        def resolving(keys: Iterable[str]) -> Operations:
            return {pattern.execution_id(key): partial(_resolve, owned, key, request) for key in keys}

        async def all_stuck() -> tuple[Operations, Position | None]:
            after = position(Position.parse, request.cursor, written_in="")
            page = await executions(gateway.client, stuck(pattern), after, request.limit)
            return resolving(pattern.key_of(each.id) for each in page.executions), page.next

        report = await request.carry_out(
            gateway.bulk.begin(), named=lambda: resolving(map(valid_key, request.keys or ())), page=all_stuck
        )
        trips = [TripItem(key=pattern.key_of(each.invocation_id), **each.model_dump()) for each in report.items]
        return ResolveTripsReport(items=trips, next=report.next)


def stuck(pattern: Pattern) -> Selection:
    """The open trips of which a compensation is stuck, as the index has them."""
    return Selection(
        (pattern,), statuses=(InvocationStatus.RUNNING,), pattern_status=TripStatus.COMPENSATION_STUCK.value
    )


async def _resolve(decision: Decision, key: str, request: ResolveTripsRequest) -> None:
    """Raises `Problem` 409 if the compensation, or any, is not stuck."""
    for name in [request.compensation] if request.compensation else await _stuck_compensations(decision, key):
        await decision.take(key, request.resolution(name))


async def _stuck_compensations(decision: Decision, key: str) -> list[str]:
    """Raises `Problem` 409 if there is none."""
    trip = decision.client.get_workflow_handle(decision.pattern.execution_id(key))
    state: TripState = await trip.query(BookingWorkflow.state, rpc_timeout=RPC_TIMEOUT)
    names = [each.name for each in state.compensations if each.status is CompensationStatus.STUCK]
    if not names:
        raise Problem(409, NOT_STUCK, f"No compensation of trip {key} is stuck: it is {state.status}.")
    return names
