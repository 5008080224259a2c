"""Dates, times, durations and whole numbers after their standards, independent of `domain.formats`.

Each is read character by character after the grammar, and its value is counted here, from the rules of the calendar.
Each has a strategy that makes texts of the grammar, and `nearly` makes texts that are close to one.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

DIGITS = "0123456789"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_DAY, LAST_DAY = -719_162, 2_932_896
"""0001-01-01 and 9999-12-31, in days since 1970."""
MICROSECONDS_A_DAY = 86_400_000_000


class NotWritten(Exception):
    """The text is not of the grammar."""


class Cursor:
    """Reads a text from its beginning."""

    def __init__(self, text: str) -> None:
        self._rest = text

    def comes(self, characters: str) -> bool:
        return self._rest[:1] != "" and self._rest[0] in characters

    def take(self, characters: str) -> str:
        if not self.comes(characters):
            raise NotWritten
        taken, self._rest = self._rest[0], self._rest[1:]
        return taken

    def number(self, digits: int, low: int, high: int) -> int:
        value = int("".join(self.take(DIGITS) for _ in range(digits)))
        if not low <= value <= high:
            raise NotWritten
        return value

    def run(self, at_most: int) -> str:
        taken = self.take(DIGITS)
        while self.comes(DIGITS) and len(taken) < at_most:
            taken += self.take(DIGITS)
        return taken

    def end(self) -> None:
        if self._rest:
            raise NotWritten


def is_leap_year(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def days_in(year: int, month: int) -> int:
    return [31, 29 if is_leap_year(year) else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]


def days_since_1970(year: int, month: int, day: int) -> int:
    before = year - 1
    leap_days = before // 4 - before // 100 + before // 400
    return FIRST_DAY + 365 * before + leap_days + sum(days_in(year, m) for m in range(1, month)) + day - 1


HALF_YEARS_END = {days_since_1970(year, *end) for year in range(1, 10_000) for end in ((6, 30), (12, 31))}
"""The last days of June and December, which a leap second can end (RFC 3339, 5.7)."""


def _full_date(text: Cursor) -> tuple[int, int, int]:
    """RFC 3339, 5.6: `full-date`. The year 0000 has no Python value."""
    year = text.number(4, 1, 9999)
    text.take("-")
    month = text.number(2, 1, 12)
    text.take("-")
    return year, month, text.number(2, 1, days_in(year, month))


def _fraction(text: Cursor) -> int:
    """The microseconds of `time-secfrac`, of which we read nine digits."""
    if not text.comes("."):
        return 0
    text.take(".")
    return int(text.run(9).ljust(9, "0")) // 1000


def _offset_minutes(text: Cursor) -> int:
    """RFC 3339, 5.6: `time-offset`."""
    sign = text.take("Zz+-")
    if sign in "Zz":
        return 0
    hours = text.number(2, 0, 23)
    text.take(":")
    minutes = hours * 60 + text.number(2, 0, 59)
    return minutes if sign == "+" else -minutes


def date_in_days(text: str) -> int | None:
    """The days since 1970, or None if it is no date."""
    cursor = Cursor(text)
    try:
        day = _full_date(cursor)
        cursor.end()
    except NotWritten:
        return None
    return days_since_1970(*day)


def time_in_microseconds(text: str) -> int | None:
    """The microseconds since 1970, or None if it is no time. With a space, seconds and zone may be left out."""
    cursor = Cursor(text)
    try:
        moment = _time(cursor)
        cursor.end()
    except NotWritten:
        return None
    return moment if FIRST_DAY <= moment // MICROSECONDS_A_DAY <= LAST_DAY else None


def _time(text: Cursor) -> int:
    days = days_since_1970(*_full_date(text))
    is_spaced = text.take("Tt ") == " "
    minutes = text.number(2, 0, 23) * 60
    text.take(":")
    minutes += text.number(2, 0, 59)
    seconds = microseconds = 0
    if not is_spaced or text.comes(":"):
        text.take(":")
        seconds = text.number(2, 0, 60)
        microseconds = _fraction(text)
    if not is_spaced or text.comes("Zz+-"):
        minutes -= _offset_minutes(text)
    day = days + minutes // 1440
    if seconds == 60 and not (minutes % 1440 == 1439 and day in HALF_YEARS_END):
        raise NotWritten
    return day * MICROSECONDS_A_DAY + (minutes % 1440 * 60 + seconds) * 1_000_000 + microseconds


def duration_in_microseconds(text: str) -> int | None:
    """The length, or None if it is no duration."""
    for reads in (_short, _weeks, _iso_8601):
        cursor = Cursor(text)
        try:
            length = reads(cursor)
            cursor.end()
        except NotWritten:
            continue
        return length
    return None


SECOND, MINUTE, HOUR, DAY = 1_000_000, 60_000_000, 3_600_000_000, MICROSECONDS_A_DAY


def _short(text: Cursor) -> int:
    number = int(text.run(12))
    unit = text.take("msdh")
    if unit == "m" and text.comes("s"):
        text.take("s")
        return number * 1000
    return number * {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}[unit]


def _weeks(text: Cursor) -> int:
    text.take("Pp")
    weeks = int(text.run(12))
    text.take("Ww")
    return weeks * 7 * DAY


def _iso_8601(text: Cursor) -> int:
    """ISO 8601-1, 5.5.2.2, without years and months: days, then `T` and at least one of hours, minutes, seconds."""
    text.take("Pp")
    if text.comes("Tt"):
        return _clock(text)
    days = int(text.run(12))
    text.take("Dd")
    return days * DAY + (_clock(text) if text.comes("Tt") else 0)


def _clock(text: Cursor) -> int:
    text.take("Tt")
    length, units = 0, "HMS"
    while True:
        number, has_fraction = int(text.run(12)), text.comes(".")
        length += _fraction(text)
        allowed = "S" if has_fraction else units
        unit = text.take(allowed + allowed.lower()).upper()
        length += number * {"H": HOUR, "M": MINUTE, "S": SECOND}[unit]
        units = units[units.index(unit) + 1 :]
        if not units or not text.comes(DIGITS):
            return length


def integer(text: str) -> int | None:
    """RFC 8259, 6: `[ minus ] int`, of at most 19 digits."""
    cursor = Cursor(text)
    try:
        sign = -1 if cursor.comes("-") and cursor.take("-") else 1
        digits = cursor.run(19)
        cursor.end()
    except NotWritten:
        return None
    return None if len(digits) > 1 and digits[0] == "0" else sign * int(digits)


def _padded(low: int, high: int, width: int = 2) -> st.SearchStrategy[str]:
    return st.integers(low, high).map(lambda number: f"{number:0{width}}")


FRACTIONS = st.just("") | st.text(DIGITS, min_size=1, max_size=9).map(".{}".format)
ZONES = st.sampled_from(["Z", "z", "-00:00", "+23:59"]) | st.builds(
    "{}{}:{}".format, st.sampled_from("+-"), _padded(0, 23), _padded(0, 59)
)
DATES = st.builds(
    lambda year, month, part: f"{year:04}-{month:02}-{1 + part % days_in(year, month):02}",
    st.integers(1, 9999),
    st.integers(1, 12),
    st.integers(0, 30),
)
_SECONDS = st.builds(":{}{}".format, _padded(0, 59), FRACTIONS)
_MINUTES = st.builds("{}:{}".format, _padded(0, 23), _padded(0, 59))
LEAP_SECONDS = st.sampled_from(
    ["2016-12-31T23:59:60Z", "2015-06-30 23:59:60.5", "2017-01-01T01:59:60+02:00", "1990-12-31T15:59:60-08:00"]
)
# Within the first and the last day of all years a zone can lead out of them: not part of the grammar.
INNER_DATES = DATES.filter(lambda text: "0001-01-01" < text < "9999-12-31")
TIMES = (
    st.builds("{}{}{}{}{}".format, INNER_DATES, st.sampled_from("Tt"), _MINUTES, _SECONDS, ZONES)
    | st.builds("{} {}{}{}".format, INNER_DATES, _MINUTES, st.just("") | _SECONDS, st.just("") | ZONES)
    | LEAP_SECONDS
)
_COUNTS = st.integers(0, 10**6).map(str) | st.sampled_from(["007", "0", "12345678"])
_PARTS = st.lists(st.booleans(), min_size=3, max_size=3).filter(any)


def _clock_text(has: list[bool], numbers: list[str], fraction: str) -> str:
    parts = zip(has, numbers, ("H", "M", f"{fraction}S"), strict=True)
    return "T" + "".join(number + unit for is_there, number, unit in parts if is_there)


_CLOCKS = st.builds(_clock_text, _PARTS, st.lists(_COUNTS, min_size=3, max_size=3), FRACTIONS)
_DAYS = st.builds("{}D".format, _COUNTS)
_ISO_8601 = st.builds("P{}{}".format, _DAYS, st.just("") | _CLOCKS) | _CLOCKS.map("P{}".format)
DURATIONS = (
    st.builds("{}{}".format, _COUNTS, st.sampled_from(["ms", "s", "m", "h", "d"]))
    | st.builds("P{}W".format, _COUNTS)
    | _ISO_8601
    | _ISO_8601.map(str.lower)
)
INTEGERS = st.integers(-(10**19) + 1, 10**19 - 1).map(str) | st.just("-0")

NEIGHBOURS = "0123456789+-:.,/_ TtZzPpYyMmWwDdHhSsxe'\t\n\u200b٥５\u00a0\u2212"
"""What a lenient reader may skip or take for something else."""


def _changed(text: str, place: int, what: str, insert: str) -> str:
    at = place % (len(text) + 1)
    match what:
        case "insert":
            return text[:at] + insert + text[at:]
        case "replace":
            return text[:at] + insert + text[at + 1 :]
        case "double":
            return text[:at] + text[at - 2 : at] + text[at:]
        case _:
            return text[:at] + text[at + 1 :]


def nearly(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Texts with one or two changes; some are still of the grammar."""
    once = st.builds(
        _changed,
        texts,
        st.integers(0, 60),
        st.sampled_from(["insert", "replace", "double", "delete"]),
        st.sampled_from(NEIGHBOURS),
    )
    twice = st.builds(_changed, once, st.integers(0, 60), st.just("replace"), st.sampled_from(NEIGHBOURS))
    return once | twice | texts.map(lambda text: text[::-1]) | st.text(DIGITS, max_size=13)


def value_or_none(read: Callable[[str], object], text: str) -> object:
    """What `read` returns, or None if it refuses the text."""
    try:
        return read(text)
    except ValueError:
        return None


def microseconds(value: timedelta) -> int:
    return (value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds


def json_with(body: Any, raw: str) -> str:
    """`body` as JSON, with `raw`, whatever it is, in the place of `...`."""
    return json.dumps(body, default=lambda _: "PLACE").replace('"PLACE"', raw)
