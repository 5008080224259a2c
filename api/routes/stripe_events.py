"""Stripe's events, https://docs.stripe.com/api/events/object, as messages to the payment tracker.

An event is read as far as its handler uses it: a field that no handler uses may have any value, or be missing.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationError
from pydantic_core import from_json

from api.http.body import must_be_json
from api.http.problems import invalid_fields
from api.invokers.invocation import Call
from domain.invoice import (
    Attempts,
    ClosingEvent,
    ClosingEventData,
    Identifier,
    PaymentEvent,
    PaymentEventData,
    Seconds,
)
from domain.payload import Payload
from domain.payment_tracker import ON_INVOICE_CLOSED, ON_PAYMENT_FAILURE, ON_PAYMENT_SUCCESS

FAILURE = "invoice.payment_failed"
SUCCESSES = {"invoice.paid", "invoice.payment_succeeded"}
CLOSINGS = {"invoice.voided": "void", "invoice.marked_uncollectible": "uncollectible", "invoice.deleted": "deleted"}


class Ignored(Exception):
    """The event needs nothing done. The message says why."""


@dataclass(frozen=True)
class Source:
    """Whose events count, of all that are signed with the endpoint's secret."""

    livemode: bool | None = None
    """None for both modes."""
    account: str | None = None
    """None for the account that has the endpoint; else the connected account, or that of an organization."""


def read_event(raw: bytes, source: Source) -> Call:
    """The call that an event in Stripe's JSON asks for.

    Raises `Ignored` for an event of another type, or not of `source`; `Problem` 400 for a body that is not JSON, and
    422 for one in which a field that the handler uses is wrong.
    """
    must_be_json(raw)
    try:
        return _call(from_json(raw), source)
    except ValidationError as error:
        raise invalid_fields(error) from None


def _call(document: JsonValue, source: Source) -> Call:
    envelope = Envelope.model_validate(document)
    if envelope.type != FAILURE and envelope.type not in SUCCESSES | CLOSINGS.keys():
        raise Ignored("No handler takes events of this type.")
    envelope.must_be_of(source)
    if envelope.type == FAILURE:
        failed = Event[FailedInvoice].model_validate(document)
        return _to(ON_PAYMENT_FAILURE, failed, _failure(envelope.type, failed))
    event = Event[Invoice].model_validate(document)
    if envelope.type in SUCCESSES:
        data = PaymentEventData(id=event.id)
        return _to(ON_PAYMENT_SUCCESS, event, PaymentEvent(type=envelope.type, created=event.created, data=data))
    closing = ClosingEventData.model_validate({"id": event.id, "status": CLOSINGS[envelope.type]})
    return _to(ON_INVOICE_CLOSED, event, ClosingEvent(type=envelope.type, created=event.created, data=closing))


def _id_of(value: Any) -> Any:
    """Stripe sends a reference as an ID, or as the whole object if the endpoint asks to expand it."""
    return value["id"] if isinstance(value, dict) and "id" in value else value


Reference = Annotated[Identifier | None, BeforeValidator(_id_of)]


class StripeObject(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class Envelope(StripeObject):
    """What decides whether an event is read at all."""

    type: str
    livemode: JsonValue = None
    account: JsonValue = None
    """The connected account of an event that Connect sends to the platform; the platform's own events have none."""
    context: JsonValue = None
    """The account of an event that is sent to an organization's endpoint."""

    def must_be_of(self, source: Source) -> None:
        """Raises `Ignored`."""
        if source.livemode is not None and self.livemode is not source.livemode:
            raise Ignored(f"STRIPE_LIVEMODE is {str(source.livemode).lower()}, and the event's livemode is not.")
        if source.account is None and self.account is not None:
            raise Ignored("The event is of a connected account, and STRIPE_ACCOUNT names none.")
        if source.account is not None and (self.account or self.context) != source.account:
            raise Ignored(f"STRIPE_ACCOUNT is {source.account}, and the event is not of this account.")


class Invoice(StripeObject):
    id: str


class FailedInvoice(Invoice):
    """The invoice as it was when Stripe made the event."""

    customer: Reference = None
    customer_account: Reference = None
    """The customer of an invoice to an account, which has no `customer`."""
    status: Annotated[str, Field(max_length=255)] | None = None
    attempt_count: Attempts | None = None


InvoiceT = TypeVar("InvoiceT", bound=Invoice)


class EventData(StripeObject, Generic[InvoiceT]):
    object: InvoiceT


class Event(StripeObject, Generic[InvoiceT]):
    id: Identifier
    created: Seconds
    data: EventData[InvoiceT]


def _failure(kind: str, event: Event[FailedInvoice]) -> PaymentEvent:
    invoice = event.data.object
    data = PaymentEventData(
        id=event.id,
        customer=invoice.customer or invoice.customer_account,
        attempt_count=invoice.attempt_count,
        status=invoice.status,
    )
    return PaymentEvent(type=kind, created=event.created, data=data)


def _to(handler: str, event: Event[Any], body: Payload) -> Call:
    return Call(handler=handler, key=event.data.object.id, idempotency_key=event.id, body=body)
