"""Since when a value has not changed."""

from workers.kafka.decisions.standstill import Standstill


def test_a_partition_whose_value_stops_changing_stands_still() -> None:
    standstill = Standstill()
    standstill.longer_than(60, {0: 111, 1: 111}, now=0)
    assert standstill.longer_than(60, {0: 222, 1: 111}, now=61) == [1]


def test_a_partition_that_never_had_a_value_stands_still() -> None:
    standstill = Standstill()
    standstill.longer_than(60, {0: None}, now=0)
    assert standstill.longer_than(60, {0: None}, now=61) == [0]


def test_a_partition_that_was_left_out_begins_again() -> None:
    standstill = Standstill()
    standstill.longer_than(60, {0: 111}, now=0)
    standstill.longer_than(60, {}, now=30)
    assert standstill.longer_than(60, {0: 111}, now=61) == []
