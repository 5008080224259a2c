"""A partition that is no longer fetched is detected."""

from workers.kafka.decisions.fetch_monitor import PATIENCE_SECONDS, FetchMonitor

LATE = PATIENCE_SECONDS + 1


def test_a_partition_whose_fetches_stop_is_stuck() -> None:
    monitor = FetchMonitor()
    monitor.stuck({0: 111, 1: 111}, now=0.0)
    assert monitor.stuck({0: 222, 1: 111}, now=LATE) == [1]


def test_a_partition_that_was_never_fetched_from_is_stuck() -> None:
    monitor = FetchMonitor()
    monitor.stuck({0: None}, now=0.0)
    assert monitor.stuck({0: None}, now=LATE) == [0]


def test_a_full_partition_that_is_not_read_is_not_stuck() -> None:
    monitor = FetchMonitor()
    monitor.stuck({0: 111}, now=0.0)
    monitor.stuck({}, now=30.0)
    assert monitor.stuck({0: 111}, now=LATE) == []
