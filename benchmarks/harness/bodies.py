"""Request bodies and records that the benchmarks send."""

from datetime import UTC, datetime, timedelta

from pydantic import JsonValue

_FIRST_LOCATION = datetime(2024, 1, 1, tzinfo=UTC)

GOOD_CARD, DECLINED_CARD = "4242424242424242", "4111111111111111"
TASK: dict[str, JsonValue] = {"kind": "heavy_work", "payload": {"report": 7}}
REGISTRATION: dict[str, JsonValue] = {"finalDestination": "Amsterdam"}


def trip(card: str) -> dict[str, JsonValue]:
    return {
        "flights": {"flightId": "12345", "passengerName": "John Doe"},
        "car": {"pickupLocation": "Airport", "rentalDate": "2024-12-16"},
        "paymentInfo": {"cardNumber": card, "amount": 1500},
    }


def payment_failure(number: int) -> dict[str, JsonValue]:
    """The failure event with this number; each is a second after the one before, and has an ID of its own."""
    return {
        "type": "invoice.payment_failed",
        "created": 1_633_025_000 + number,
        "data": {"id": event_id(number), "customer": f"cus_{number % 1_000:014}"},
    }


def event_id(number: int) -> str:
    return f"evt_{number:024}"


def location(number: int) -> dict[str, JsonValue]:
    """The location with this number; each is a minute after the one before."""
    moment = _FIRST_LOCATION + timedelta(minutes=number)
    return {"timestamp": f"{moment:%Y-%m-%d %H:%M}", "location": f"Mountain Road {number}, Brussels"}


def post(number: int) -> dict[str, JsonValue]:
    return {"content": f"This is post {number}.", "metadata": "public"}
