"""Saga: `POST /BookingWorkflow/{trip}/run`. The trip's ID is its idempotency key."""

from fastapi import APIRouter

from api.gateway import Gateway, PatternRoutes
from api.invokers.workflow import WorkflowInvoker
from api.routes.handlers import HandlerRoute, add_handler_routes
from api.routes.states import add_state_route
from api.routes.updates import add_update_route
from domain.booking import BOOKING, Payment, Trip, TripConfirmation, TripRequest, TripState
from domain.compensation import Resolution
from workflows.booking import BookingWorkflow


def routes(gateway: Gateway) -> PatternRoutes:
    async def tokenize_card(request: TripRequest) -> Trip:
        card = await gateway.vault.tokenize(request.payment_info.card_number.get_secret_value())
        payment = Payment(card=card, amount_cents=request.payment_info.amount)
        return Trip(flight=request.flights, car=request.car, payment=payment)

    invoker = WorkflowInvoker(
        gateway.client, gateway.web_ui, BOOKING, handler="run", progress_query="state", prepare=tokenize_card
    )
    router = APIRouter(tags=[BOOKING.service])
    add_handler_routes(router, BOOKING, HandlerRoute("run", TripRequest, TripConfirmation, invoker), keyed=True)
    add_state_route(router, gateway, BOOKING, TripState)
    add_update_route(
        router,
        gateway,
        BOOKING,
        "resolveCompensation",
        BookingWorkflow.resolve_compensation,
        body=Resolution,
        answer=TripState,
        refused="not-stuck",
        description="For an operator: have a stuck compensation retried, or report that it was done by hand.",
    )
    return PatternRoutes(router, invoker)
