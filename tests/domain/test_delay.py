"""Delays as people write them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.delay import InvalidDelay, parse_delay


@pytest.mark.parametrize(
    ("text", "delay"),
    [
        ("1500ms", timedelta(seconds=1.5)),
        ("10s", timedelta(seconds=10)),
        ("5m", timedelta(minutes=5)),
        ("12h", timedelta(hours=12)),
        ("7d", timedelta(days=7)),
        ("0s", timedelta(0)),
        ("PT10S", timedelta(seconds=10)),
        ("pt10s", timedelta(seconds=10)),
        ("P1DT2H", timedelta(days=1, hours=2)),
        ("P2W", timedelta(weeks=2)),
        ("PT0.5S", timedelta(seconds=0.5)),
        ("366d", timedelta(days=366)),
    ],
)
def test_a_delay_is_read(text: str, delay: timedelta) -> None:
    assert parse_delay(text) == delay


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "abc",
        "10",
        "s",
        "1.5s",
        "10 s",
        "10S",
        "1s2m",
        "10w",
        "-1s",
        "+1s",
        "٣s",
        "PT٣S",
        "P",
        "PT",
        "inf",
        "1e3s",
        " 10s ",
        "P1M",
        "P100Y",
        "PT1S5M",
        "-PT1S",
        "+PT1S",
    ],
)
def test_a_text_that_is_no_delay_is_refused_with_the_text_and_an_example(text: str) -> None:
    with pytest.raises(InvalidDelay) as refusal:
        parse_delay(text)
    assert repr(text) in str(refusal.value)
    assert "PT10S" in str(refusal.value)


@pytest.mark.parametrize("text", ["36500d", "367d", "999999999999d", "999999999999h", "P367D", "P53W"])
def test_a_delay_of_more_than_a_year_is_refused(text: str) -> None:
    with pytest.raises(InvalidDelay, match="longer than 366 days"):
        parse_delay(text)


@given(st.text(max_size=20))
def test_any_text_is_a_delay_within_bounds_or_refused(text: str) -> None:
    try:
        delay = parse_delay(text)
    except InvalidDelay:
        return
    assert timedelta(0) <= delay <= timedelta(days=366)
