"""Dates, times, durations and whole numbers: what their standards say is read with its value, and nothing else."""

from datetime import UTC, date, datetime, timedelta

import jsonschema_rs
import pytest
from hypothesis import example, given

from domain.formats import (
    DATE_PATTERN,
    DURATION_PATTERN,
    TIME_PATTERN,
    read_date,
    read_duration,
    read_integer,
    read_time,
)
from tests import written
from tests.written import EPOCH, microseconds, nearly, value_or_none


def days(text: str) -> int | None:
    day = value_or_none(read_date, text)
    return (day - date(1970, 1, 1)).days if isinstance(day, date) else None


def time(text: str) -> int | None:
    moment = value_or_none(read_time, text)
    return microseconds(moment - EPOCH) if isinstance(moment, datetime) else None


def duration(text: str) -> int | None:
    length = value_or_none(read_duration, text)
    return microseconds(length) if isinstance(length, timedelta) else None


def is_shown(pattern: str, text: str) -> bool:
    """Whether the OpenAPI document, as a JSON Schema validator reads it, allows the text."""
    return jsonschema_rs.is_valid({"type": "string", "pattern": pattern}, text)


class TestDate:
    @given(written.DATES)
    def test_of_the_calendar_is_read(self, text: str) -> None:
        assert days(text) == written.date_in_days(text) is not None
        assert is_shown(DATE_PATTERN, text)

    @given(nearly(written.DATES))
    @example("0")
    @example("0000-01-01")
    @example("1900-02-29")
    @example("20241216")
    @example("2024-12-16T00:00:00")
    @example("2024-12-16\n")
    @example("٢٠٢٤-12-16")
    def test_that_is_nearly_one_is_refused(self, text: str) -> None:
        assert days(text) == written.date_in_days(text)
        assert days(text) is None or is_shown(DATE_PATTERN, text)


class TestTime:
    @given(written.TIMES)
    def test_of_rfc_3339_or_with_a_space_is_read(self, text: str) -> None:
        assert time(text) == written.time_in_microseconds(text) is not None
        assert is_shown(TIME_PATTERN, text)

    @given(nearly(written.TIMES))
    @example("1712011312345")
    @example("2024-10-10x13:00")
    @example("2024-10-10T13:00")
    @example("2024-10-10T13:00:00")
    @example("2024-10-10 24:00")
    @example("2024-10-10 13:00+0200")
    @example("2024-10-10 13:00 Z")
    @example("2024-10-10")
    @example("2024-W41-4T13:00:00Z")
    @example("2016-12-30T23:59:60Z")
    @example("0001-01-01T00:00:00+00:01")
    @example("9999-12-31T23:59:60Z")
    def test_that_is_nearly_one_is_refused(self, text: str) -> None:
        assert time(text) == written.time_in_microseconds(text)
        assert time(text) is None or is_shown(TIME_PATTERN, text)

    @pytest.mark.parametrize(
        ("text", "moment"),
        [
            ("2024-10-10 13:00", datetime(2024, 10, 10, 13, tzinfo=UTC)),
            ("2024-10-10T13:00:00Z", datetime(2024, 10, 10, 13, tzinfo=UTC)),
            ("2024-10-10t13:00:00z", datetime(2024, 10, 10, 13, tzinfo=UTC)),
            ("2024-10-10T13:00:00+02:00", datetime(2024, 10, 10, 11, tzinfo=UTC)),
            ("2024-10-10 13:00-02:00", datetime(2024, 10, 10, 15, tzinfo=UTC)),
            ("2024-10-10T13:00:00.1234567Z", datetime(2024, 10, 10, 13, 0, 0, 123456, tzinfo=UTC)),
            ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ],
    )
    def test_is_utc_unless_it_has_a_zone(self, text: str, moment: datetime) -> None:
        assert read_time(text) == moment


class TestDuration:
    @given(written.DURATIONS)
    def test_with_a_unit_or_of_iso_8601_is_read(self, text: str) -> None:
        assert duration(text) == written.duration_in_microseconds(text) is not None
        assert is_shown(DURATION_PATTERN, text)

    @given(nearly(written.DURATIONS))
    @example("P")
    @example("PT")
    @example("P1DT")
    @example("P1M")
    @example("P1Y")
    @example("PT1S5M")
    @example("PT1M1M")
    @example("P1W1D")
    @example("PT1.5M")
    @example("PT1,5S")
    @example("-PT1S")
    @example("+PT1S")
    @example("PT-1S")
    @example(" 10s")
    @example("10")
    @example("1.5s")
    @example("999999999999w")
    @example("P999999999999W")
    def test_that_is_nearly_one_is_refused(self, text: str) -> None:
        expected = written.duration_in_microseconds(text)
        assert duration(text) == (None if expected is None else min(expected, microseconds(timedelta.max)))
        assert is_shown(DURATION_PATTERN, text) is (expected is not None)


class TestInteger:
    @given(written.INTEGERS)
    def test_of_json_is_read(self, text: str) -> None:
        assert value_or_none(read_integer, text) == written.integer(text) is not None

    @given(nearly(written.INTEGERS))
    @example(" 5")
    @example("+5")
    @example("5.0")
    @example("5e0")
    @example("1_0")
    @example("05")
    @example("٥")
    @example("0x5")
    @example("9" * 5_000)
    def test_that_is_nearly_one_is_refused(self, text: str) -> None:
        assert value_or_none(read_integer, text) == written.integer(text)
