"""A comparison with an end: how long its rows are, and when no further round begins."""

import asyncio
import time

import pytest

from benchmarks.compare.rows.row import Row
from benchmarks.compare.session import Measured, Session
from benchmarks.compare.time_limit import Time, seconds_for


async def _never(session: Session) -> Measured:
    raise NotImplementedError


ROWS = [
    Row("trip", "Trips", "trip", _never, by_temporal_client=True),
    Row("read", "Reads", "read", _never, not_measured={"library": "it keeps no state"}),
]


class TestSeconds:
    def test_more_minutes_make_longer_rows(self) -> None:
        assert 0 < seconds_for(3, ROWS, ["ours"]) < seconds_for(6, ROWS, ["ours"])

    def test_what_a_system_leaves_out_costs_no_time(self) -> None:
        with_one_row, with_two_rows = (seconds_for(6, ROWS, ["ours", name]) for name in ("library", "peer"))
        assert with_one_row > with_two_rows

    def test_the_bare_client_is_measured_in_its_rows_only(self) -> None:
        assert seconds_for(6, ROWS, ["ours", "sdk"]) == seconds_for(6, ROWS, ["ours", "library"])


class TestTime:
    def test_without_an_end_every_round_begins(self) -> None:
        assert Time(None).allows_round(1_000)

    def test_a_round_that_would_not_fit_does_not_begin(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = 1_000.0
        monkeypatch.setattr(time, "monotonic", lambda: now)
        limit = Time(10)
        assert limit.allows_round(1)
        now += 4 * 60
        assert limit.allows_round(2)
        now += 4 * 60
        assert not limit.allows_round(3)

    async def test_what_is_not_done_by_the_end_is_given_up(self) -> None:
        with pytest.raises(TimeoutError):
            async with Time(0).block():
                await asyncio.Event().wait()

    def test_it_is_over_at_its_end(self) -> None:
        assert Time(0).is_over
        assert not Time(1).is_over
        assert not Time(None).is_over
