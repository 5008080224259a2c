"""Decide for a selection of stuck trips: `POST /BookingWorkflow/resolveCompensations`."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field, model_validator

from api.gateway import Gateway
from api.http.body import StrictBody
from api.http.problems import BODY_STATUSES, Problem, responses
from api.invokers.bulk import MAX_SELECTED, All, DryRun, Item, MaxItems, select_once
from api.invokers.executions import executions
from api.invokers.invocation import InvocationStatus
from api.invokers.policies import RPC_TIMEOUT
from api.invokers.selection import Selection
from api.routes.conditions import MAX_CURSOR_LENGTH, position
from api.routes.listings import NextExecutions
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


class ResolveTripsRequest(Payload):
    """Trips by key, or all that are stuck; and what is decided for the compensation, or for each that is stuck."""

    keys: Annotated[list[TripKey] | None, Field(min_length=1, max_length=MAX_SELECTED)] = None
    all: All = None
    compensation: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    retry: bool = False
    note: Annotated[str, Field(max_length=1000)] = ""
    cursor: Annotated[str | None, Field(max_length=MAX_CURSOR_LENGTH)] = None
    limit: MaxItems = MAX_SELECTED
    dry_run: DryRun = False

    @model_validator(mode="after")
    def _selects_and_decides(self) -> "ResolveTripsRequest":
        select_once(self.keys, bool(self.all), "write `keys`, or `all`: true", self.dry_run)
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
    next: NextExecutions | None


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
        begun, owned = gateway.bulk.begin(), decision.of(caller.tenant)
        following = None
        if request.keys is not None:
            keys = list(dict.fromkeys(map(valid_key, request.keys)))
        else:
            page = await executions(
                gateway.client, stuck(owned.pattern), position(request.cursor, written_in=""), request.limit
            )
            keys = list(dict.fromkeys(owned.pattern.key_of(each.id) for each in page.executions))
            following = NextExecutions(cursor=str(page.next)) if page.next else None
        operations = {owned.pattern.execution_id(key): partial(_resolve, owned, key, request) for key in keys}
        items = await begun.report(operations, dry_run=request.dry_run)
        trips = [TripItem(key=key, **item.model_dump()) for key, item in zip(keys, items, strict=True)]
        return ResolveTripsReport(items=trips, next=following)


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
