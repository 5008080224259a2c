"""What a board is made of, and the JSON that Grafana reads."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

COLUMNS, WIDTH, HEIGHT = 3, 8, 8
"""Panels of a row; a panel's width, of Grafana's 24; its height."""
SCHEMA_VERSION = 41
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
QUANTILES = (0.5, 0.95)


@dataclass(frozen=True)
class Query:
    """PromQL, and how each of its series is named: `{{label}}` is the value of a label."""

    expression: str
    legend: str


@dataclass(frozen=True)
class Panel:
    """A graph. `unit` is a name of Grafana's, `meaning` what a reader must know."""

    title: str
    queries: Sequence[Query]
    unit: str = "short"
    meaning: str = ""


@dataclass(frozen=True)
class Section:
    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Board:
    """`name` is that of its file and its `uid`."""

    name: str
    title: str
    sections: Sequence[Section] = field(default_factory=tuple)

    @property
    def queries(self) -> list[Query]:
        panels = chain.from_iterable(section.panels for section in self.sections)
        return [query for panel in panels for query in panel.queries]

    def document(self) -> dict[str, Any]:
        return {
            "uid": f"durable-patterns-{self.name.replace('_', '-')}",
            "title": self.title,
            "tags": ["durable-patterns"],
            "schemaVersion": SCHEMA_VERSION,
            "timezone": "browser",
            "time": {"from": "now-1h", "to": "now"},
            "refresh": "30s",
            "editable": False,
            "links": [{"type": "dashboards", "title": "Boards", "tags": ["durable-patterns"], "asDropdown": True}],
            "templating": {"list": [_datasource_variable()]},
            "panels": _laid_out(self.sections),
        }


def rate(counter: str, labels: str, *by: str) -> str:
    """Per second. `labels` are matchers."""
    return f"sum by ({', '.join(by)}) (rate({counter}{{{labels}}}[$__rate_interval]))"


def quantiles(histogram: str, labels: str, *by: str) -> list[Query]:
    """The median and the 95th percentile of a histogram, in seconds."""
    names = " ".join(f"{{{{{label}}}}}" for label in by)
    return [
        Query(
            f"histogram_quantile({quantile:g}, {rate(f'{histogram}_bucket', labels, 'le', *by)})",
            f"p{quantile * 100:g} {names}".strip(),
        )
        for quantile in QUANTILES
    ]


def _laid_out(sections: Sequence[Section]) -> list[dict[str, Any]]:
    panels: list[dict[str, Any]] = []
    y = 0
    for section in sections:
        row = {"x": 0, "y": y, "w": COLUMNS * WIDTH, "h": 1}
        panels.append(
            {"id": len(panels) + 1, "type": "row", "title": section.title, "collapsed": False, "gridPos": row}
            | {"panels": []}
        )
        y += 1
        for number, panel in enumerate(section.panels):
            down, right = divmod(number, COLUMNS)
            place = {"x": right * WIDTH, "y": y + down * HEIGHT, "w": WIDTH, "h": HEIGHT}
            panels.append(_panel(len(panels) + 1, panel, place))
        y += -(-len(section.panels) // COLUMNS) * HEIGHT
    return panels


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.meaning,
        "gridPos": place,
        "datasource": DATASOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0, "custom": {"fillOpacity": 10}}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {"refId": chr(ord("A") + n), "datasource": DATASOURCE, "expr": each.expression, "legendFormat": each.legend}
            for n, each in enumerate(panel.queries)
        ],
    }


def _datasource_variable() -> dict[str, Any]:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "hide": 0}
