"""aiokafka and OpenTelemetry log each of their own retries: the log shows them at growing distance."""

import logging

import pytest

from infra.logs import SpacedRepeats


def record(
    seconds: float, name: str = "aiokafka.consumer.fetcher", message: str = "Failed fetch messages from %s"
) -> logging.LogRecord:
    line = logging.LogRecord(name, logging.ERROR, __file__, 1, message, (1,), None)
    line.created = 1_000_000.0 + seconds
    return line


@pytest.mark.parametrize("name", ["aiokafka.consumer.fetcher", "opentelemetry.exporter.otlp.proto.http.trace_exporter"])
def test_a_line_that_repeats_is_shown_at_growing_distance(name: str) -> None:
    repeats = SpacedRepeats()
    shown = [tenths / 10 for tenths in range(2_000) if repeats.filter(record(tenths / 10, name))]
    assert shown == [0, 10, 30, 70, 150]
    assert repeats.filter(record(150.1, message="Unable to update metadata from %s")), "another line"
    assert repeats.filter(record(1_000)), "a new outage"


def test_lines_of_others_are_all_shown() -> None:
    repeats = SpacedRepeats()
    assert all(repeats.filter(record(0, name="workers.kafka.delivery")) for _ in range(3))


def test_lines_that_differ_each_time_do_not_pile_up() -> None:
    repeats = SpacedRepeats()
    assert all(repeats.filter(record(number, message=f"line {number}")) for number in range(2_000))
    assert len(repeats._lines) <= 500
