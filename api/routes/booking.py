"""Saga: `POST /BookingWorkflow/{trip}/run`. The trip's ID is its idempotency key."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from api.gateway import Gateway, PatternRoutes
from api.http.problems import STATE_PROBLEMS
from api.invokers.invocation import execution_headers
from api.invokers.policies import RPC_TIMEOUT
from api.invokers.workflow import WorkflowInvoker
from api.routes.handlers import Handler, add_routes, path_key
from api.routes.updates import add_update_route
from domain.booking import Payment, Resolution, Trip, TripConfirmation, TripRequest, TripState
from domain.patterns import BOOKING
from workflows.booking import BookingWorkflow


def routes(gateway: Gateway) -> PatternRoutes:
    router = APIRouter(tags=[BOOKING.service])

    async def prepare(request: TripRequest) -> Trip:
        card = await gateway.vault.tokenize(request.payment_info.card_number.get_secret_value())
        payment = Payment(card=card, amount_cents=request.payment_info.amount)
        return Trip(flight=request.flights, car=request.car, payment=payment)

    invoker = WorkflowInvoker(
        gateway.client, gateway.web_ui, BOOKING, handler="run", progress_query="state", prepare=prepare
    )
    add_routes(router, BOOKING, Handler("run", TripRequest, TripConfirmation, invoker), keyed=True)

    @router.get(f"/{BOOKING.service}/{{key}}", operation_id="readTrip", responses=STATE_PROBLEMS)
    async def state(response: Response, key: Annotated[str, Depends(path_key)]) -> TripState:
        """What was done for the trip, and what was undone."""
        trip = BOOKING.execution_id(key)
        response.headers.update(execution_headers(trip, invoker.link(trip)))
        handle = gateway.client.get_workflow_handle_for(BookingWorkflow.run, trip)
        return await handle.query(BookingWorkflow.state, rpc_timeout=RPC_TIMEOUT)

    add_update_route(
        router,
        gateway.client,
        BOOKING,
        "resolveCompensation",
        BookingWorkflow.resolve_compensation,
        body=Resolution,
        answer=TripState,
        refused="not-stuck",
        description="For an operator: have a stuck compensation retried, or report that it was done by hand.",
    )
    return PatternRoutes(router, invoker)
