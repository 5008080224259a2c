"""docs/sizing.md follows from the benchmarks, and its arithmetic holds."""

import pytest

from tests.packaging import sizing
from tests.packaging.sizing import MEASURED, MIX, TRIP, Cost, all_costs, embedded, factor, number


def test_the_page_is_up_to_date() -> None:
    assert sizing.FILE.read_text() == sizing.text(), "run `make env`"


def test_the_benchmark_has_the_units_of_the_example() -> None:
    measured = embedded()
    assert measured.keys() >= MIX.keys()
    assert all(cost.temporal > 0 and cost.workers > 0 for cost in measured.values())


def test_what_was_measured_on_postgresql_counts_and_the_rest_is_estimated_from_a_trip() -> None:
    costs, measured = all_costs(), embedded()
    assert {unit: (costs[unit].temporal, costs[unit].postgresql) for unit in MEASURED} == MEASURED
    read = costs["state read"]
    assert read.temporal + read.postgresql == pytest.approx(measured["state read"].temporal * factor(measured))
    assert read.temporal / read.postgresql == pytest.approx(MEASURED[TRIP][0] / MEASURED[TRIP][1])
    assert (read.workers, read.gateway) == (measured["state read"].workers, measured["state read"].gateway)


def test_the_example_adds_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten units of 60 ms per second are 0.6 cores: one process by itself, two so that one may fail."""
    one = dict.fromkeys(MIX, Cost(60, 30, 60, 6))
    monkeypatch.setattr(sizing, "MIX", dict.fromkeys(MIX, 2))
    figures = sizing.example(one)
    assert figures["mix"].splitlines()[-1] == "| together | 10 | 0.60 | 0.30 | 0.60 | 0.060 |"
    assert (figures["temporal_cores"], figures["postgresql_cores"]) == ("1", "1")
    assert (figures["workers"], figures["gateways"]) == ("2", "2")
    assert (figures["our_connections"], figures["max_connections"]) == ("40", "200")


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (0.0451, "0.045"), (0.996, "1.0"), (4.26, "4.3"), (116.3, "120"), (8_941, "8,900"), (15, "15")],
)
def test_figures_have_two_significant_digits(value: float, shown: str) -> None:
    assert number(value) == shown
