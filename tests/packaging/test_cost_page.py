"""docs/cost.md follows from what is recorded."""

import pytest

from tests.packaging import cost_page


def test_the_page_is_up_to_date() -> None:
    assert cost_page.FILE.read_text() == cost_page.text(), "run `make env`"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (3, "3"), (0.0204, "0.02"), (0.96, "0.96"), (5.198, "5.2"), (75.4, "75.4"), (1_000_000.4, "1,000,000")],
)
def test_figures_are_short(value: float, shown: str) -> None:
    assert cost_page.short(value) == shown
