"""Saga: a trip is a flight, a car and a payment, booked together or not at all."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, SecretStr

from domain.compensation import Compensation
from domain.errors import BusinessFailure, Refusal
from domain.formats import Date
from domain.pattern import Pattern
from domain.payload import Payload
from domain.steps import StepMode

BOOKING = Pattern("booking", "BookingWorkflow", first_status="BOOKING")
Name = Annotated[str, Field(min_length=1, max_length=200)]


class FlightRequest(Payload):
    flight_id: Name
    passenger_name: Name


class CarRequest(Payload):
    pickup_location: Name
    rental_date: Date


class PaymentInfo(Payload):
    """A card and what to charge it. Exchanged for a `Payment` before anything is stored."""

    card_number: Annotated[SecretStr, Field(json_schema_extra={"pattern": r"^\d{12,19}$"})]
    amount: Annotated[int, Field(gt=0, le=100_000_000, description="In cents.")]


class TripRequest(Payload):
    """A request to book a trip."""

    flights: FlightRequest
    car: CarRequest
    payment_info: PaymentInfo


class CardToken(Payload):
    """Replaces a card number, which only the card network keeps."""

    token: str
    last4: str


class Payment(Payload):
    card: CardToken
    amount_cents: int


class TripConfirmation(Payload):
    """A trip that is booked and paid."""

    trip_id: str
    flight_reservation_id: str
    car_reservation_id: str
    payment_id: str
    amount_cents: int
    card: str


class Trip(Payload):
    """The input of the saga: the request, with a token instead of the card number."""

    flight: FlightRequest
    car: CarRequest
    payment: Payment
    steps: StepMode = StepMode.ACTIVITY

    def confirmed(
        self, trip_id: str, *, flight_reservation_id: str, car_reservation_id: str, payment_id: str
    ) -> TripConfirmation:
        return TripConfirmation(
            trip_id=trip_id,
            flight_reservation_id=flight_reservation_id,
            car_reservation_id=car_reservation_id,
            payment_id=payment_id,
            amount_cents=self.payment.amount_cents,
            card=f"**** {self.payment.card.last4}",
        )


class FlightReservation(Payload):
    """A request for a seat. `key` makes it idempotent; its compensation uses the same key."""

    key: str
    flight: FlightRequest


class CarReservation(Payload):
    """A request for a car. `key` makes it idempotent; its compensation uses the same key."""

    key: str
    car: CarRequest


class Charge(Payload):
    """A request to charge a card. `key` is the payment ID, which is chosen before the charge."""

    key: str
    payment: Payment


class TripStatus(StrEnum):
    BOOKING = "BOOKING"
    COMPENSATING = "COMPENSATING"
    COMPENSATION_STUCK = "COMPENSATION_STUCK"
    """A compensation keeps failing and waits for an operator."""
    BOOKED = "BOOKED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class TripState(Payload):
    """What was done for the trip, and what was undone."""

    status: TripStatus
    done: list[str]
    compensations: list[Compensation]


class InvalidCard(Refusal):
    """No card has this number."""


class FlightSoldOut(BusinessFailure):
    """The airline has no seat left."""


class CarUnavailable(BusinessFailure):
    """The rental station has no car."""


class ReservationCancelled(BusinessFailure):
    """The reservation was cancelled before this call arrived; its key is spent."""


class CancellationRefused(BusinessFailure):
    """The airline or rental company refuses to cancel a reservation; an operator has to contact it."""


class KeyReused(BusinessFailure):
    """The key belongs to another reservation or payment, which is not changed: an ID was used for two trips."""


class CardDeclined(BusinessFailure):
    """The card network refused the charge."""


class PaymentCancelled(BusinessFailure):
    """The payment was refunded before this call arrived; its key is spent."""


class TripFailed(BusinessFailure):
    """The trip could not be booked; everything that had been done for it is undone."""
