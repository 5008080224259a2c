"""Delays as people write them: `1500ms`, `10s`, `5m`, `12h`, `7d`, or ISO 8601 such as `PT10S`."""

import re
from datetime import timedelta

from pydantic import TypeAdapter, ValidationError

from domain.errors import Refusal


class InvalidDelay(Refusal):
    """The delay cannot be read, or is out of bounds."""


MAX_DELAY = timedelta(days=366)
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SHORT = re.compile(r"(\d{1,12})(ms|s|m|h|d)", re.ASCII)
_ISO = TypeAdapter(timedelta)


def parse_delay(text: str) -> timedelta:
    """Read a delay of 0 to 366 days. Raises `InvalidDelay`."""
    delay = _read(text.strip())
    if delay < timedelta(0):
        raise InvalidDelay(f"The delay {text!r} is negative.")
    if delay > MAX_DELAY:
        raise InvalidDelay(f"The delay {text!r} is longer than {MAX_DELAY.days} days.")
    return delay


def _read(text: str) -> timedelta:
    if short := _SHORT.fullmatch(text):
        try:
            return timedelta(**{_UNITS[short[2]]: int(short[1])})
        except OverflowError:
            return timedelta.max
    if text.upper().lstrip("+-").startswith("P"):
        try:
            return _ISO.validate_python(text.upper())
        except ValidationError:
            pass
    raise InvalidDelay(f"Cannot read the delay {text!r}: write 1500ms, 10s, 5m, 12h, 7d or ISO 8601 (PT10S).")
