"""A board's queries are run as Grafana runs them, and what they find is drawn."""

import re
from xml.etree import ElementTree

import pytest

from tests.monitoring.board_reading import (
    FoundBoard,
    FoundPanel,
    Line,
    Place,
    Span,
    legend,
    rate_interval_seconds,
    replaced,
)
from tests.monitoring.drawing import page, shown, stretches, ticks
from tools.boards.boards import BOARDS

SPAN = Span(1_000, 1_100)


def board(*lines: Line) -> FoundBoard:
    panels = [FoundPanel("Calls & <more>", Place(0, 1, 8, 8), "s", lines)]
    return FoundBoard("overview", "A board", panels, SPAN, 100)


class TestQueries:
    def test_rates_look_back_four_scrapes_or_a_step_and_a_scrape(self) -> None:
        assert rate_interval_seconds(5, 15) == 60
        assert rate_interval_seconds(120, 15) == 135

    def test_a_variable_without_a_value_is_refused(self) -> None:
        assert replaced("rate(a[$__rate_interval])", {"$__rate_interval": "20s"}) == "rate(a[20s])"
        with pytest.raises(ValueError, match=r"\$new"):
            replaced("a > $new", {"$__rate_interval": "20s"})

    def test_a_legend_has_the_labels_of_its_series(self) -> None:
        assert legend("p95 {{route}} {{gone}}", {"route": "/a", "status": "200"}) == "p95 /a"


class TestDrawing:
    @pytest.mark.parametrize(("highest", "last"), [(0.0, 1.0), (0.7, 0.8), (1.0, 1.0), (4.1, 6.0), (950.0, 1000.0)])
    def test_an_axis_ends_at_a_round_value_above_all_others(self, highest: float, last: float) -> None:
        scale = ticks(highest)
        assert scale[0] == 0
        assert scale[-1] == pytest.approx(last)

    def test_every_unit_of_a_board_can_be_shown(self) -> None:
        units = {panel.unit for board in BOARDS for section in board.sections for panel in section.panels}
        assert {unit: shown(1_500 * 2**20 if unit == "bytes" else 0.25, unit) for unit in units} == {
            "short": "0.25",
            "s": "250 ms",
            "ops": "0.25 ops/s",
            "bytes": "1,500 MiB",
        }

    def test_a_line_ends_where_a_point_is_missing_and_begins_again(self) -> None:
        line = Line("a", [(1_000, 1.0), (1_010, 2.0), (1_050, 3.0)])
        assert list(stretches(line, 10)) == [[(1_000, 1.0), (1_010, 2.0)], [(1_050, 3.0)]]

    def test_each_line_is_in_the_graph_and_in_the_legend(self) -> None:
        text = page(board(Line("<a>", [(1_000, 0.0), (1_100, 2.0)]), Line("b", [(1_050, 1.0)])), "a note")
        assert "&lt;a&gt;" in text
        assert "Calls &amp; &lt;more&gt;" in text
        [graph] = re.findall(r"<svg.*?</svg>", text)
        drawn = [path.get("d", "") for path in ElementTree.fromstring(graph).iter("path") if path.get("stroke")]
        assert drawn == ["M62.0,170.0 492.0,8.0h0", "M277.0,89.0h0"]
        assert "No data" not in text

    def test_a_graph_without_lines_says_so_and_is_named(self) -> None:
        empty = board()
        assert "No data" in page(empty, "")
        assert empty.without_lines == ["Calls & <more>"]
