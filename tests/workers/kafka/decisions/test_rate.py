"""How fast something counts up."""

from workers.kafka.decisions.rate import Rate


def test_is_zero_before_time_has_passed() -> None:
    assert Rate(now=100).sampled(50, now=100) == 0


def test_is_the_count_since_the_beginning_while_that_is_not_long_ago() -> None:
    rate = Rate(now=100)
    assert rate.sampled(30, now=102) == 15
    assert rate.sampled(30, now=105) == 6


def test_forgets_what_was_longer_ago_than_ten_seconds() -> None:
    rate = Rate(now=0)
    for second in range(1, 31):
        rate.sampled(1_000 if second <= 10 else 1_000 + 5 * (second - 10), now=second)
    assert rate.sampled(1_100 + 5, now=31) == 5


def test_falls_to_zero_when_counting_stops() -> None:
    rate = Rate(now=0)
    rate.sampled(500, now=1)
    assert rate.sampled(500, now=2) == 250
    rate.sampled(500, now=12)
    assert rate.sampled(500, now=23) == 0
