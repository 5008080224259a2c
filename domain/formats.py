"""How dates, times, durations and whole numbers are written: one reader for each, used at every edge.

The edges are HTTP bodies and parameters, Kafka records, and the environment. Libraries read more than their users
mean: pydantic takes `"0"` for 1970-01-01 and `" +5"` for 5, and Python's `fromisoformat` takes any character between
date and time. What is accepted here is a regular expression, which the OpenAPI document shows, and the calendar.

Every reader raises `ValueError`, which says how to write the value and does not repeat it.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

_DAY = r"([0-9]{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_MINUTE = r"([01][0-9]|2[0-3]):([0-5][0-9])"
_SECOND = r":([0-5][0-9]|60)(?:\.([0-9]{1,9}))?"
_ZONE = r"([Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
_RFC_3339 = f"{_DAY}[Tt]{_MINUTE}{_SECOND}{_ZONE}"
_SPACED = f"{_DAY} {_MINUTE}(?:{_SECOND})?{_ZONE}?"
_SHORT = r"([0-9]{1,12})(ms|s|m|h|d)"
_WEEKS = r"[Pp]([0-9]{1,12})[Ww]"
_ISO_8601 = (
    r"[Pp](?=[0-9Tt])(?:([0-9]{1,12})[Dd])?"
    r"(?:[Tt](?=[0-9])(?:([0-9]{1,12})[Hh])?(?:([0-9]{1,12})[Mm])?(?:([0-9]{1,12})(?:\.([0-9]{1,9}))?[Ss])?)?"
)
_READ_SPACED, _READ_RFC_3339 = re.compile(_SPACED), re.compile(_RFC_3339)
_SECOND_AT, _ZONE_AT = 6, 8
"""The groups of both."""
_DAY_LENGTH = len("2024-10-10")
_INTEGER = re.compile("-?(?:0|[1-9][0-9]{0,18})")
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def read_date(text: str) -> date:
    """Read `YYYY-MM-DD`, a day of the calendar in the years 1 to 9999. Raises `ValueError`."""
    day = re.fullmatch(_DAY, text)
    try:
        if day:
            return date(*map(int, day.groups()))
    except ValueError:
        pass
    raise ValueError("write YYYY-MM-DD, a day of the calendar")


# A package compares the times that it has with each new one.
@lru_cache(maxsize=2_048)
def read_time(text: str) -> datetime:
    """Read a time, and return it in UTC. Raises `ValueError`.

    A time is written as in RFC 3339, `2024-10-10T13:00:00Z`, with seconds and a zone. With a space instead of the `T`
    both may be left out: `2024-10-10 13:00`. Without a zone it is UTC. Digits after the microseconds are dropped. A
    leap second, at the end of June or December in UTC, is the beginning of the next second.
    """
    parts = (_READ_SPACED if text[_DAY_LENGTH:].startswith(" ") else _READ_RFC_3339).fullmatch(text)
    try:
        if parts:
            return _utc(text, parts)
    except (ValueError, OverflowError):  # no day of the calendar; a year before 1 or after 9999, in UTC
        pass
    raise ValueError(
        "write a time that exists, as in RFC 3339 (2024-10-10T13:00:00Z) or as 2024-10-10 13:00, which is UTC"
    )


def _utc(text: str, parts: re.Match[str]) -> datetime:
    """Python reads what the patterns match, except for a leap second and a small z."""
    second, zone = parts.group(_SECOND_AT, _ZONE_AT)
    is_leap = second == "60"
    if is_leap:
        text = f"{text[: parts.start(_SECOND_AT)]}59{text[parts.end(_SECOND_AT) :]}"
    moment = datetime.fromisoformat(text if zone != "z" else text.upper())
    moment = moment.replace(tzinfo=UTC) if zone is None else moment.astimezone(UTC)
    if is_leap:
        if (moment.month, moment.day, moment.hour, moment.minute) not in ((6, 30, 23, 59), (12, 31, 23, 59)):
            raise ValueError("no leap second can be here")
        moment += timedelta(seconds=1)
    return moment


def _microseconds(fraction: str | None) -> int:
    return int((fraction or "").ljust(6, "0")[:6])


def read_duration(text: str) -> timedelta:
    """Read a duration, which has no sign. Raises `ValueError`.

    It is written `1500ms`, `10s`, `5m`, `12h` or `7d`; or as in ISO 8601, without years and months, whose length
    varies: `P2W` alone, or days, hours, minutes and seconds in this order, each at most once. Only seconds may have a
    fraction, after a point; digits after the microseconds are dropped. Like RFC 3339, letters of ISO 8601 may be small.
    """
    try:
        if short := re.fullmatch(_SHORT, text):
            return timedelta(**{_UNITS[short[2]]: int(short[1])})
        if weeks := re.fullmatch(_WEEKS, text):
            return timedelta(weeks=int(weeks[1]))
        if parts := re.fullmatch(_ISO_8601, text):
            days, hours, minutes, seconds = (int(number or 0) for number in parts.groups()[:4])
            return timedelta(days, seconds, _microseconds(parts[5]), hours=hours, minutes=minutes)
    except OverflowError:
        return timedelta.max
    raise ValueError("write 1500ms, 10s, 5m, 12h, 7d or ISO 8601 (PT10S) without years, months and sign")


def read_http_date(text: str) -> datetime:
    """Read a date of an HTTP header, in one of the three forms of RFC 9110, 5.6.7. Raises `ValueError`."""
    for form in ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"):
        try:
            moment = datetime.strptime(f"{text} +0000", f"{form.replace('%e', '%d')} %z")
        except ValueError:
            continue
        # `strptime` takes other spaces, capitals, digits and days of the week too.
        if text == (moment.ctime() if "%e" in form else moment.strftime(form)):
            return moment
    raise ValueError("write a date of HTTP, such as Sun, 06 Nov 1994 08:49:37 GMT")


def read_integer(text: str) -> int:
    """Read a whole number as JSON has it: ASCII digits, no `+`, no leading zeros, no spaces. Raises `ValueError`."""
    if not _INTEGER.fullmatch(text):
        raise ValueError("write a whole number, in digits")
    return int(text)


def _from_text(read: Callable[[str], Any], expected: type) -> BeforeValidator:
    """Read text with `read`; of all other values only those of exactly this type remain."""

    def validate(value: object) -> object:
        if isinstance(value, str):
            return read(value)
        if type(value) is not expected:
            raise ValueError("write a text")
        return value

    return BeforeValidator(validate)


def _checked(text: str) -> str:
    read_time(text)
    return text


def _whole(*patterns: str) -> str:
    """As JSON Schema has it: from beginning to end, without capturing groups."""
    ways = "|".join(re.sub(r"\((?!\?)", "(?:", pattern) for pattern in patterns)
    return f"^(?:{ways})$"


DATE_PATTERN = _whole(_DAY)
TIME_PATTERN = _whole(_RFC_3339, _SPACED)
DURATION_PATTERN = _whole(_SHORT, _WEEKS, _ISO_8601)

Date = Annotated[
    date, _from_text(read_date, date), Field(json_schema_extra={"format": "date", "pattern": DATE_PATTERN})
]
"""See `read_date`."""
Timestamp = Annotated[
    str,
    AfterValidator(_checked),
    Field(json_schema_extra={"pattern": TIME_PATTERN, "examples": ["2024-10-10 13:00", "2024-10-10T13:00:00Z"]}),
]
"""See `read_time`. The value stays as it was written."""
Duration = Annotated[
    timedelta,
    _from_text(read_duration, timedelta),
    Field(json_schema_extra={"format": "duration", "pattern": DURATION_PATTERN}),
]
"""See `read_duration`."""
DIGITS = _from_text(read_integer, int)
"""See `read_integer`. For parameters and variables, which are text: `Annotated[int, Field(ge=1), DIGITS]`, in this
order, so that OpenAPI shows the bounds. In JSON a whole number is a number, and needs no reader."""
