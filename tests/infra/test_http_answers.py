"""The pause that a `Retry-After` header asks for."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.http_answers import MAX_RETRY_AFTER, retry_after
from tests.written import EPOCH

NOW = datetime(1994, 11, 6, 8, 49, 7, tzinfo=UTC)
HALF_A_MINUTE = timedelta(seconds=30)


@pytest.mark.parametrize(
    "header",
    ["30", "0030", "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"],
)
def test_is_in_seconds_or_until_a_date_in_any_form_of_http(header: str) -> None:
    assert retry_after(header, NOW) == HALF_A_MINUTE


@pytest.mark.parametrize(
    "header",
    [
        "",
        "soon",
        "-30",
        "+30",
        " 30",
        "30.5",
        "3e1",
        "30s",
        "٣٠",
        "²",
        "30, 60",
        "1994-11-06T08:49:37Z",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "sun, 06 nov 1994 08:49:37 gmt",
        "Mon, 06 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 06  Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
    ],
)
def test_that_cannot_be_read_is_ignored(header: str) -> None:
    assert retry_after(header, NOW) is None


@pytest.mark.parametrize("header", ["0", "000", "Sun, 06 Nov 1994 08:49:07 GMT", "Fri, 31 Dec 1993 23:59:59 GMT"])
def test_that_has_passed_is_ignored(header: str) -> None:
    assert retry_after(header, NOW) is None


@pytest.mark.parametrize(
    "header", ["3601", "9" * 400, "Sun, 06 Nov 1994 10:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"]
)
def test_that_is_too_long_is_cut(header: str) -> None:
    assert retry_after(header, NOW) == MAX_RETRY_AFTER


@given(st.integers(0, 250_000_000_000), st.integers(1, 3600))
def test_until_any_date_is_the_time_left(since_1970: int, seconds: int) -> None:
    until = EPOCH + timedelta(seconds=since_1970)
    assert retry_after(format_datetime(until, usegmt=True), until - timedelta(seconds=seconds)) == timedelta(
        seconds=seconds
    )
