"""Saga: `POST /BookingWorkflow/{trip}/run`. The trip's ID is its idempotency key."""

from fastapi import APIRouter

from api.gateway import Gateway, PatternRoutes
from api.invokers.workflow import WorkflowInvoker
from api.routes.handlers import HandlerRoute, add_handler_routes
from api.routes.resolutions import NOT_STUCK, add_resolution_of_selections
from api.routes.states import add_state_route
from api.routes.updates import Decision, add_update_route
from domain.booking import BOOKING, Payment, Trip, TripConfirmation, TripRequest, TripState
from domain.compensation import Resolution
from workflows.booking import BookingWorkflow


def routes(gateway: Gateway) -> PatternRoutes:
    async def tokenize_card(request: TripRequest) -> Trip:
        card = await gateway.vault.tokenize(request.payment_info.card_number.get_secret_value())
        payment = Payment(card=card, amount_cents=request.payment_info.amount)
        return Trip(flight=request.flights, car=request.car, payment=payment, steps=gateway.settings.steps)

    invoker = WorkflowInvoker(
        gateway.client, gateway.web_ui, BOOKING, handler="run", progress_query="state", prepare=tokenize_card
    )
    router = APIRouter(tags=[BOOKING.service])
    add_handler_routes(router, BOOKING, HandlerRoute("run", TripRequest, TripConfirmation, invoker), keyed=True)
    add_state_route(router, gateway, BOOKING, TripState)
    decision = Decision(gateway.client, BOOKING, BookingWorkflow.resolve_compensation, NOT_STUCK)
    add_update_route(
        router,
        decision,
        "resolveCompensation",
        body=Resolution,
        answer=TripState,
        description="For an operator: have a stuck compensation retried, or report that it was done by hand.",
    )
    add_resolution_of_selections(router, gateway, decision)
    return PatternRoutes(router, invoker)
