"""The tables of measured figures are those of the report, and their arithmetic holds."""

from typing import Any

import pytest

from tests.packaging import comparison
from tests.packaging.comparison import (
    ROOT,
    TABLES,
    UNITS,
    not_measured,
    number,
    ranking,
    report,
    results,
    text,
)


def _row(
    title: str, *, by_latency: bool = False, missing: dict[str, str] | None = None, **systems: float
) -> dict[str, Any]:
    figure = "p50_ms" if by_latency else "rate"
    medians = {name.replace("_", "-"): {"median": {figure: value, "cpu_ms": {}}} for name, value in systems.items()}
    return {
        "title": title,
        "unit": "trip",
        "by_latency": by_latency,
        "not_measured": missing or {},
        "systems": medians,
    }


RAW = {
    "failures": ["trips, naive: WrongResult: 1 wrong answers"],
    "rows": {
        "jobs": _row("Jobs", ours=5_000, restate=500, naive=100),
        "trips": _row("Trips", ours=15, ours_economy=30, restate=40, dbos=25, dbos_postgres=31.4),
        "latency": _row("One trip", by_latency=True, ours=100, ours_economy=50, restate=20),
        "reads": _row(
            "Reads", ours=500, restate=600, missing={"dbos": "its own tables", "dbos-postgres": "its own tables"}
        ),
    },
}


@pytest.mark.parametrize("page", TABLES)
def test_the_page_is_up_to_date(page: str) -> None:
    assert (ROOT / page).read_text() == text(page, report()), "run `make env`"


def test_nothing_but_the_naive_temporal_gave_a_wrong_result() -> None:
    """A row for which there was no time left has no result."""
    raw = report()
    assert raw["rows"].keys() >= UNITS.keys()
    assert [each for each in raw["failures"] if "naive: " not in each and "NoTimeLeft: " not in each] == []


def test_rows_that_ours_loses_come_first() -> None:
    assert [line.split(" | ")[0] for line in results(RAW)[2:]] == ["| One trip", "| Trips", "| Reads", "| Jobs"]


def test_the_faster_of_ours_is_compared_with_the_fastest_peer() -> None:
    assert results(RAW)[2] == "| One trip | 100 ms | 50 ms | 20 ms | - | - | - | 0.40 x |"
    assert results(RAW)[3] == "| Trips | 15/s | 30/s | 40/s | 25/s | 31/s | - | 0.75 x |"
    assert results(RAW)[5] == "| Jobs | 5,000/s | - | 500/s | - | - | 100/s | 10 x |"


def test_the_others_are_a_share_of_the_fastest() -> None:
    assert ranking(RAW)[2] == "| One trip | Restate | ours with local steps 0.40, ours 0.20 |"
    assert ranking(RAW)[5] == "| Jobs | ours | Restate 0.10 |"


def test_what_is_left_out_has_its_reason() -> None:
    lines = not_measured(RAW)[2:]
    assert "| `dbos`, `dbos-postgres` | `reads` | its own tables |" in lines
    assert "| `naive` | `trips` | a wrong result, or none in time |" in lines
    assert "| `dbos`, `dbos-postgres` | `jobs`, `latency` | not in this run |" in lines


def test_a_page_without_its_table_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(comparison.TABLES, "LICENSE", [results])
    with pytest.raises(ValueError, match="LICENSE has no line"):
        text("LICENSE", RAW)


@pytest.mark.parametrize(
    ("value", "shown"), [(4_773.2, "4,773"), (15.08, "15"), (9.94, "9.9"), (0.374, "0.37"), (0.0271, "0.027"), (0, "0")]
)
def test_figures_have_two_significant_digits_or_all_before_the_point(value: float, shown: str) -> None:
    assert number(value) == shown
