"""Delays: durations of 0 to 366 days."""

from datetime import timedelta

from domain.errors import Refusal
from domain.formats import read_duration


class InvalidDelay(Refusal):
    """The delay cannot be read, or is out of bounds."""


MAX_DELAY = timedelta(days=366)


def parse_delay(text: str) -> timedelta:
    """Read a delay, written as `domain.formats.read_duration` says. Raises `InvalidDelay`."""
    try:
        delay = read_duration(text)
    except ValueError as error:
        raise InvalidDelay(f"Cannot read the delay {text[:100]!r}: {error}.") from None
    if delay > MAX_DELAY:
        raise InvalidDelay(f"The delay {text[:100]!r} is longer than {MAX_DELAY.days} days.")
    return delay
