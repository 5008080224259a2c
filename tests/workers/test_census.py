"""What waits is counted by the processes that serve its pool, whatever else cannot be counted."""

import asyncio
from typing import cast

import pytest

from domain.booking import BOOKING
from domain.delivery import DELIVERY_QUEUE
from domain.metrics import PACKAGES_WAITING, POSTS_IN_REVIEW, TRIPS_STUCK
from domain.package_tracker import PACKAGE_TRACKER
from domain.user_feed import USER_FEED
from tests.eventually import eventually
from tests.monitoring.recording import Recording
from workers import census
from workers.census import Counting, Row
from workers.pools import POOLS
from workers.resources import Resources


class OnlyAMeter:
    """All that the rows of these tests use of a process's resources."""

    def __init__(self, recording: Recording) -> None:
        self.meter = recording.meter


def answers(*numbers: int | None) -> Counting:
    """A count that returns these in turn, the last one from then on. None is an outage."""
    remaining = list(numbers)

    async def count(_: Resources) -> int:
        number = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        if number is None:
            raise ConnectionError("no answer")
        return number

    return count


async def test_a_count_that_fails_keeps_its_value_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = (
        Row(BOOKING, TRIPS_STUCK, answers(3, None)),
        Row(PACKAGE_TRACKER, PACKAGES_WAITING, answers(None, 1, 2)),
        Row(USER_FEED, POSTS_IN_REVIEW, answers(4)),
    )
    monkeypatch.setattr(census, "ROWS", rows)
    monkeypatch.setattr(census, "INTERVAL", census.INTERVAL / 1_000)
    recording = Recording()
    resources = cast(Resources, OnlyAMeter(recording))
    counting = asyncio.create_task(census.count_regularly(resources, [BOOKING, PACKAGE_TRACKER, DELIVERY_QUEUE]))
    await eventually(lambda: recording.value("package_tracker_packages_waiting") == 2)
    counting.cancel()
    assert recording.value("booking_trips_stuck") == 3
    assert recording.value("user_feed_posts_in_review") is None, "another process serves that pool"


def test_only_patterns_that_have_a_pool_are_counted() -> None:
    assert {row.pattern for row in census.ROWS} <= {pool.serves for pool in POOLS}
