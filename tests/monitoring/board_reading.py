"""The panels of a board's file, and what their queries have found over a span of time."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.monitoring.prometheus import Prometheus

STEPS = 120
"""Points of each line, at most."""
_LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True)
class Span:
    """Times are Unix seconds."""

    began: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.began


@dataclass(frozen=True)
class Line:
    """One series. A point is a time and a value; where Prometheus has none, or no number, there is no point."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Place:
    """In Grafana's grid of 24 columns."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class FoundPanel:
    """A graph with its lines, or a row: a heading without a unit."""

    title: str
    place: Place
    unit: str | None = None
    lines: Sequence[Line] = ()


@dataclass(frozen=True)
class FoundBoard:
    name: str
    title: str
    panels: Sequence[FoundPanel]
    span: Span
    step_seconds: float

    @property
    def without_lines(self) -> list[str]:
        """The titles of the graphs that show nothing."""
        return [panel.title for panel in self.panels if panel.unit is not None and not panel.lines]


async def read_board(
    name: str, document: Mapping[str, Any], prometheus: Prometheus, span: Span, scrape_seconds: float
) -> FoundBoard:
    """Run every query of the board's file as Grafana does: over the whole span, with its variables replaced."""
    step = max(scrape_seconds, math.ceil(span.seconds / STEPS))
    variables = {"$__rate_interval": f"{rate_interval_seconds(step, scrape_seconds):g}s"}
    panels = []
    for panel in document["panels"]:
        lines = [
            _line(target["legendFormat"], series)
            for target in panel.get("targets", ())
            for series in await prometheus.query_range(
                replaced(target["expr"], variables), span.began, span.ended, step
            )
        ]
        panels.append(_found(panel, [line for line in lines if line.points]))
    return FoundBoard(name, document["title"], panels, span, step)


def rate_interval_seconds(step_seconds: float, scrape_seconds: float) -> float:
    """`$__rate_interval`, as Grafana's documentation of its Prometheus data source defines it."""
    return max(step_seconds + scrape_seconds, 4 * scrape_seconds)


def replaced(query: str, variables: Mapping[str, str]) -> str:
    """Raises `ValueError` if the query has a variable without a value."""
    for name, value in variables.items():
        query = query.replace(name, value)
    if "$" in query:
        raise ValueError(f"a variable of this query has no value: {query}")
    return query


def legend(template: str, labels: Mapping[str, str]) -> str:
    """A series' name: `{{label}}` is the label's value, and nothing if the series does not have it."""
    return _LABEL.sub(lambda found: labels.get(found[1], ""), template).strip()


def _line(template: str, series: Mapping[str, Any]) -> Line:
    points = [(float(at), float(value)) for at, value in series["values"]]
    return Line(legend(template, series["metric"]), [point for point in points if math.isfinite(point[1])])


def _found(panel: Mapping[str, Any], lines: Sequence[Line]) -> FoundPanel:
    place = Place(*(panel["gridPos"][side] for side in "xywh"))
    if panel["type"] == "row":
        return FoundPanel(panel["title"], place)
    return FoundPanel(panel["title"], place, panel["fieldConfig"]["defaults"]["unit"], lines)
