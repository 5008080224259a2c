"""What a consumer reports about its partitions."""

from tests.workers.kafka.fakes import new_partitions
from workers.kafka.decisions.progress import consumer_progress


def test_reports_what_is_committed_acknowledged_and_read_and_how_long_the_oldest_waits() -> None:
    partitions = new_partitions(0, position=10)
    tracker, counts = partitions[0].tracker, partitions[0].counts
    for offset, now in ((10, 101), (11, 101), (12, 104), (13, 104)):
        tracker.received(offset, 1, now)
    for offset in (10, 12, 13):
        tracker.finished(offset)
        counts.delivered += 1

    report = consumer_progress(partitions, {0: 10}, {0: 20}, in_flight=1, now=109)
    (progress,) = report.partitions
    assert (progress.committed, progress.acknowledged, progress.position, progress.end) == (10, 11, 14, 20)
    assert (progress.lag, progress.oldest_in_flight_seconds, progress.rate) == (10, 8, 0.3)
    assert (report.delivered, report.in_flight, report.oldest_in_flight_seconds) == (3, 1, 8)

    tracker.finished(11)
    (progress,) = consumer_progress(partitions, {0: 10}, {0: 20}, in_flight=0, now=109).partitions
    assert (progress.acknowledged, progress.oldest_in_flight_seconds) == (14, 0)


def test_reports_each_partitions_own_errors_and_dead_letters_and_the_totals() -> None:
    partitions = new_partitions(1, 0)
    partitions[0].counts.errors["ann"] = "ConnectionError: ann is unavailable"
    partitions[1].counts.dead_lettered = 2
    report = consumer_progress(partitions, {}, {}, in_flight=0, now=102)
    first, second = report.partitions
    assert (first.partition, first.last_error, first.dead_lettered) == (0, "ConnectionError: ann is unavailable", 0)
    assert (second.partition, second.last_error, second.dead_lettered) == (1, None, 2)
    assert (report.last_error, report.dead_lettered) == ("ConnectionError: ann is unavailable", 2)


def test_a_log_whose_end_is_not_known_ends_at_the_position() -> None:
    (progress,) = consumer_progress(new_partitions(0, position=7), {0: 5}, {}, in_flight=0, now=100).partitions
    assert (progress.end, progress.lag) == (7, 2)
