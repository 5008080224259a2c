"""Which partitions are read."""

from tests.workers.kafka.fakes import new_partitions
from workers.kafka.decisions.budget import Budget
from workers.kafka.decisions.offsets import OffsetTracker


def test_the_partitions_of_a_consumer_share_the_budget() -> None:
    assert Budget.shared_by(1).records == 4_000
    assert Budget.shared_by(32).records == 500
    assert Budget.shared_by(1_000).records == 250


def test_a_partition_with_too_many_unfinished_records_is_not_read_until_one_is_finished() -> None:
    partitions = new_partitions(0, 1)
    budget = Budget(records=4, bytes=1_000)
    for offset in range(5):
        partitions[0].tracker.received(offset, 10, 0.0)
    assert budget.readable(partitions) == [1]
    partitions[0].tracker.finished(3)
    assert budget.readable(partitions) == [0, 1]


def test_a_partition_whose_finished_records_wait_too_long_for_the_oldest_has_no_capacity() -> None:
    tracker = OffsetTracker(0)
    budget = Budget(records=4, bytes=100, span=6)
    for offset in range(6):
        tracker.received(offset, 10, 0.0)
    for offset in range(1, 6):
        tracker.finished(offset)
    assert budget.has_capacity(tracker)
    tracker.received(6, 10, 0.0)
    tracker.finished(6)
    assert not budget.has_capacity(tracker)
    tracker.finished(0)
    assert budget.has_capacity(tracker)
