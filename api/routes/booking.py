"""Saga: `POST /BookingWorkflow/{trip}/run`. The trip's ID is its idempotency key."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode

from api.gateway import Gateway, PatternRoutes
from api.http.body import StrictBody
from api.http.failures import refusal_of
from api.http.problems import BODY_STATUSES, STATE_PROBLEMS, Problem, responses
from api.invokers.invocation import RPC_TIMEOUT, execution_headers
from api.invokers.workflow import WorkflowInvoker
from api.routes.handlers import Handler, add_routes, path_key
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
        gateway.client, gateway.web_ui, BOOKING, "run", "BookingWorkflow", progress_query="state", prepare=prepare
    )
    add_routes(router, BOOKING, Handler("run", TripRequest, TripConfirmation, invoker), keyed=True)

    @router.get(f"/{BOOKING.service}/{{key}}", operation_id="readTrip", responses=STATE_PROBLEMS)
    async def state(response: Response, key: Annotated[str, Depends(path_key)]) -> TripState:
        """What was done for the trip, and what was undone."""
        trip = BOOKING.execution_id(key)
        response.headers.update(execution_headers(trip, invoker.link(trip)))
        return await _handle(key).query(BookingWorkflow.state, rpc_timeout=RPC_TIMEOUT)

    @router.post(
        f"/{BOOKING.service}/{{key}}/resolveCompensation",
        operation_id="resolveCompensation",
        responses=responses(*BODY_STATUSES, 404, 409, 503),
    )
    async def resolve_compensation(
        key: Annotated[str, Depends(path_key)], resolution: Annotated[Resolution, Depends(StrictBody(Resolution))]
    ) -> TripState:
        """For an operator: have a stuck compensation retried, or report that it was done by hand."""
        try:
            return await _handle(key).execute_update(
                BookingWorkflow.resolve_compensation, resolution, rpc_timeout=RPC_TIMEOUT
            )
        except WorkflowUpdateFailedError as error:
            raise Problem(409, "not-stuck", refusal_of(error)) from None
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            await _handle(key).describe(rpc_timeout=RPC_TIMEOUT)  # not found either, if there is no such trip
            raise Problem(409, "not-stuck", "The trip has ended; nothing is stuck.") from None

    def _handle(key: str) -> WorkflowHandle[BookingWorkflow, TripConfirmation]:
        return gateway.client.get_workflow_handle_for(BookingWorkflow.run, BOOKING.execution_id(key))

    return PatternRoutes(router, invoker)
