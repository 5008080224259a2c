"""What is safe to commit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.kafka.decisions.offsets import OffsetTracker

NOW = 1_000.0


def test_nothing_is_safe_beyond_the_position_where_reading_began() -> None:
    tracker = OffsetTracker(7)
    tracker.received(7, 10, NOW)
    assert tracker.safe == 7


def test_a_finished_record_waits_for_those_before_it() -> None:
    tracker = OffsetTracker(0)
    for offset in (0, 1, 2):
        tracker.received(offset, 10, NOW)
    tracker.finished(1)
    tracker.finished(2)
    assert tracker.safe == 0
    tracker.finished(0)
    assert tracker.safe == 3


def test_gaps_between_offsets_do_not_hold_the_commit_back() -> None:
    tracker = OffsetTracker(0)
    for offset in (3, 8):
        tracker.received(offset, 10, NOW)
        tracker.finished(offset)
    assert tracker.safe == 9


def test_counts_what_is_pending_in_records_and_bytes() -> None:
    tracker = OffsetTracker(0)
    tracker.received(0, 100, NOW)
    tracker.received(1, 20, NOW)
    tracker.finished(0)
    assert (tracker.pending, tracker.pending_bytes) == (1, 20)


def test_knows_since_when_the_oldest_unfinished_record_waits() -> None:
    tracker = OffsetTracker(0)
    for offset in (0, 1, 2):
        tracker.received(offset, 10, NOW + offset)
    tracker.finished(1)
    assert tracker.waiting_since == NOW
    tracker.finished(0)
    assert tracker.waiting_since == NOW + 2
    tracker.finished(2)
    assert tracker.waiting_since is None


def test_refuses_an_offset_that_was_read_before() -> None:
    tracker = OffsetTracker(0)
    tracker.received(4, 1, NOW)
    with pytest.raises(ValueError, match="offset 4 was read after 4"):
        tracker.received(4, 1, NOW)


def test_skips_records_that_are_gone_once_nothing_is_pending() -> None:
    tracker = OffsetTracker(5)
    tracker.skip_to(90)
    assert (tracker.safe, tracker.position) == (90, 90)


def test_a_gap_after_a_pending_record_is_skipped_with_it() -> None:
    tracker = OffsetTracker(5)
    tracker.received(5, 10, NOW)
    tracker.skip_to(9)
    assert (tracker.safe, tracker.position) == (5, 9)
    tracker.finished(5)
    assert tracker.safe == 9


@given(st.sets(st.integers(0, 200), min_size=1, max_size=40), st.data())
def test_a_commit_never_passes_an_unfinished_record_and_ends_after_the_last(
    offsets: set[int], data: st.DataObject
) -> None:
    delivered = sorted(offsets)
    tracker = OffsetTracker(delivered[0])
    for offset in delivered:
        tracker.received(offset, 1, NOW)
    unfinished = set(delivered)
    for offset in data.draw(st.permutations(delivered)):
        before = tracker.safe
        tracker.finished(offset)
        unfinished.discard(offset)
        assert before <= tracker.safe <= min(unfinished, default=delivered[-1] + 1)
        finished_prefix = [o for o in delivered if o < min(unfinished, default=delivered[-1] + 1)]
        assert tracker.safe == (finished_prefix[-1] + 1 if finished_prefix else delivered[0])
    assert tracker.safe == delivered[-1] + 1
    assert (tracker.pending, tracker.pending_bytes) == (0, 0)
