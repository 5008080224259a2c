"""Stripe's own webhook events, sent on to the payment tracker."""

import logging
import time
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api.gateway import Gateway
from api.http.body import read_limited
from api.http.problems import Problem, responses
from api.invokers.invocation import execution_headers
from api.invokers.written_ids import written
from api.routes.stripe_events import Ignored, Source, read_event
from api.security.access import SIGNED_BY_STRIPE
from domain.errors import Refusal
from domain.payload import Payload
from domain.payment_tracker import PAYMENT_TRACKER
from infra.stripe_signature import check_signature

log = logging.getLogger("api")


class WebhookReceipt(Payload):
    """Whether the event was sent to the payment tracker; if it was ignored, why."""

    status: Literal["Accepted", "Ignored"]
    reason: str | None = None
    invocation_id: str | None = None


def router(gateway: Gateway) -> APIRouter:
    routes = APIRouter(prefix="/webhooks", tags=["Webhooks"])
    tracker = gateway.entity_invoker(PAYMENT_TRACKER).of(gateway.settings.stripe_webhook_tenant)
    secret = gateway.settings.stripe_webhook_secret
    source = Source(gateway.settings.stripe_livemode, gateway.settings.stripe_account)

    @routes.post(
        "/stripe",
        dependencies=SIGNED_BY_STRIPE,
        operation_id="stripeEvent",
        response_model=WebhookReceipt,
        responses=responses(400, 404, 408, 409, 413, 415, 422, 503),
    )
    async def stripe_event(request: Request) -> JSONResponse:
        """Receive an invoice event from Stripe. Each event ID counts once; other types, modes, accounts are ignored."""
        if secret is None:
            detail = "The webhook is not configured: set STRIPE_WEBHOOK_SECRET to receive Stripe's events."
            raise Problem(404, "webhook-not-configured", detail)
        raw = await read_limited(request)
        try:
            check_signature(raw, ",".join(request.headers.getlist("stripe-signature")), secret, time.time())
            call = read_event(raw, source)
            submission = await tracker.submit(call)
        except Ignored as ignored:
            return JSONResponse({"status": "Ignored", "reason": str(ignored)})
        except (Problem, Refusal) as refused:
            # Stripe repeats the event, and shows only the status: the reason is for the gateway's operator.
            log.warning("Refused an event of Stripe: %s", refused)
            raise
        headers = execution_headers(submission.invocation_id, tracker.link(submission.invocation_id))
        return JSONResponse({"status": "Accepted", "invocationId": written(submission.invocation_id)}, headers=headers)

    return routes
