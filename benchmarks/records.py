"""The records that the Kafka rows are about."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(2024, 1, 1, tzinfo=UTC)


def location(number: int) -> dict[str, str]:
    """The location with this number; each is a minute after the one before."""
    moment = _EPOCH + timedelta(minutes=number)
    return {"timestamp": f"{moment:%Y-%m-%d %H:%M}", "location": f"Mountain Road {number}, Brussels"}


def post(number: int) -> dict[str, str]:
    return {"content": f"This is post {number}.", "metadata": "public"}
