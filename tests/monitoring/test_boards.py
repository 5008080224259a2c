"""The boards are written from their descriptions, have what Grafana needs, and show metrics that exist."""

import json
from typing import Any

import pytest

from domain.metrics import ALL, Histogram
from domain.patterns import PATTERNS
from tests.monitoring.promql import grouped_by, selectors
from tests.monitoring.rules import RULES
from tools.boards.__main__ import FOLDER, file, text
from tools.boards.boards import BOARDS
from tools.boards.panels import COLUMNS, WIDTH, Board

BY_OTHERS = ("temporal_", "process_", "up")
"""Metrics of Temporal's SDK, of `prometheus_client` and of Prometheus."""
OF_PROMETHEUS = {"job", "instance"}


def test_there_is_one_for_the_whole_one_for_the_ingress_and_one_for_each_pattern() -> None:
    assert {board.name for board in BOARDS} == {"overview", "ingress", *(pattern.name for pattern in PATTERNS)}
    assert {path.name for path in FOLDER.iterdir()} == {f"{board.name}.json" for board in BOARDS}


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
class TestBoard:
    def test_its_file_is_up_to_date(self, board: Board) -> None:
        assert file(board).read_text() == text(board), "run `make env`"

    def test_it_has_what_grafana_provisions(self, board: Board) -> None:
        document: dict[str, Any] = json.loads(file(board).read_text())
        assert len(document["uid"]) <= 40
        assert document["title"]
        assert "id" not in document, "Grafana gives it"
        panels = document["panels"]
        assert len({panel["id"] for panel in panels}) == len(panels)
        graphs = [panel for panel in panels if panel["type"] == "timeseries"]
        assert graphs
        for panel in graphs:
            assert panel["title"]
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            ids = [target["refId"] for target in panel["targets"]]
            assert len(set(ids)) == len(ids) > 0

    def test_its_panels_do_not_overlap(self, board: Board) -> None:
        taken: set[tuple[int, int]] = set()
        for panel in board.document()["panels"]:
            place = panel["gridPos"]
            assert place["x"] + place["w"] <= COLUMNS * WIDTH
            cells = {
                (place["x"] + right, place["y"] + down) for right in range(place["w"]) for down in range(place["h"])
            }
            assert not taken & cells
            taken |= cells


def test_every_metric_of_ours_is_on_a_board() -> None:
    shown = {selector.name for board in BOARDS for query in board.queries for selector in selectors(query.expression)}
    missing = {name for name, metric in ALL.items() if not shown & names(name)}
    assert missing == set()


@pytest.mark.parametrize(
    "query", sorted({q.expression for board in BOARDS for q in board.queries} | {rule["expr"] for rule in RULES})
)
def test_what_a_query_reads_of_ours_exists_with_its_labels(query: str) -> None:
    """What it reads of Temporal's is held against a running stack, see `tests/integration/test_monitoring.py`."""
    known = {exposed: metric for name, metric in ALL.items() for exposed in names(name)}
    read = selectors(query)
    assert read
    for selector in read:
        if not selector.name.startswith(BY_OTHERS):
            labels = {*known[selector.name].exposed_labels, *OF_PROMETHEUS}
            assert {label for label, *_ in selector.matchers} <= labels
            assert grouped_by(query) <= labels


def names(metric: str) -> set[str]:
    """Under which it is stored."""
    histogram = {f"{metric}_bucket", f"{metric}_sum", f"{metric}_count"}
    return histogram if isinstance(ALL[metric], Histogram) else {metric}
