"""Stripe's own webhook events, mapped to the payment tracker."""

import time
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import SecretStr, ValidationError

from api.gateway import Gateway
from api.http.body import must_be_json, read_limited
from api.http.problems import Problem, invalid_fields, responses
from api.invokers.invocation import Call, execution_headers
from api.invokers.written_ids import written
from domain.invoice import PaymentEvent, PaymentEventData
from domain.payload import Payload
from domain.payment_tracker import ON_PAYMENT_FAILURE, ON_PAYMENT_SUCCESS, PAYMENT_TRACKER
from infra.stripe_signature import is_signed

HANDLERS = {
    "invoice.payment_failed": ON_PAYMENT_FAILURE,
    "invoice.paid": ON_PAYMENT_SUCCESS,
    "invoice.payment_succeeded": ON_PAYMENT_SUCCESS,
}


class StripeInvoice(Payload):
    id: str
    customer: str


class StripeEventData(Payload):
    object: StripeInvoice


class StripeEvent(Payload):
    """The fields that we read of https://docs.stripe.com/api/events/object."""

    id: str
    type: str
    created: int
    data: StripeEventData


class WebhookReceipt(Payload):
    """Whether the event was sent to the payment tracker, or is of another type."""

    status: Literal["Accepted", "Ignored"]
    invocation_id: str | None = None


def router(gateway: Gateway) -> APIRouter:
    routes = APIRouter(prefix="/webhooks", tags=["Webhooks"])
    tracker = gateway.entity_invoker(PAYMENT_TRACKER)
    secret = gateway.settings.stripe_webhook_secret

    @routes.post(
        "/stripe",
        operation_id="stripeEvent",
        response_model=WebhookReceipt,
        responses=responses(400, 404, 408, 409, 413, 415, 422, 503),
    )
    async def stripe_event(request: Request) -> JSONResponse:
        """Receive an invoice event from Stripe. Each event ID counts once; other event types are ignored."""
        if secret is None:
            detail = "The webhook is not configured: set STRIPE_WEBHOOK_SECRET to receive Stripe's events."
            raise Problem(404, "webhook-not-configured", detail)
        raw = await read_limited(request)
        _check_signature(raw, request.headers.get("stripe-signature", ""), secret)
        must_be_json(raw)
        if _type_of(raw) not in HANDLERS:
            return JSONResponse({"status": "Ignored"})
        event = _event(raw)
        call = Call(
            handler=HANDLERS[event.type],
            key=event.data.object.id,
            idempotency_key=event.id,
            body=PaymentEvent(
                type=event.type,
                created=event.created,
                data=PaymentEventData(id=event.id, customer=event.data.object.customer),
            ),
        )
        submission = await tracker.submit(call)
        headers = execution_headers(submission.invocation_id, tracker.link(submission.invocation_id))
        return JSONResponse({"status": "Accepted", "invocationId": written(submission.invocation_id)}, headers=headers)

    return routes


def _check_signature(raw: bytes, header: str, secret: SecretStr) -> None:
    if not is_signed(raw, header, secret, time.time()):
        detail = "The Stripe-Signature header is missing, does not match the body, or is older than 5 minutes."
        raise Problem(400, "invalid-signature", detail)


class _AnyEvent(Payload):
    type: str


def _type_of(raw: bytes) -> str:
    try:
        return _AnyEvent.model_validate_json(raw).type
    except ValidationError as error:
        raise invalid_fields(error) from None


def _event(raw: bytes) -> StripeEvent:
    try:
        return StripeEvent.model_validate_json(raw)
    except ValidationError as error:
        raise invalid_fields(error) from None
