"""A page with the graphs of a board, in the board's grid: HTML and SVG, as text."""

import html
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from tests.monitoring.board_reading import FoundBoard, FoundPanel, Line, Span

WIDTH, HEIGHT = 500, 190
"""The size of a graph, in pixels."""
LEFT, RIGHT, TOP, BOTTOM = 62, 8, 8, 20
"""The margins around its lines."""
TICKS = 4
"""Values that a graph's axis shows at most, besides 0."""
MIB = 2**20
COLOURS = ("#1f77b4", "#e8710a", "#188038", "#d93025", "#9334e6", "#795548", "#e52592", "#5f6368", "#9aa000", "#12a4af")
_STYLE = """
body { margin: 0; padding: 16px; width: 1640px; background: #f4f5f5; color: #24292e; font: 13px sans-serif; }
h1 { margin: 0 0 4px; font-size: 20px; }
p { margin: 0 0 12px; color: #5f6368; }
main { display: grid; grid-template-columns: repeat(24, 1fr); gap: 0 8px; }
h2 { margin: 8px 0; font-size: 15px; }
section { margin-bottom: 8px; background: white; border: 1px solid #d8d9da; border-radius: 2px; padding: 8px; }
h3 { margin: 0 0 4px; font-size: 13px; font-weight: 500; }
ul { display: flex; flex-wrap: wrap; gap: 2px 12px; margin: 4px 0 0; padding: 0; list-style: none; font-size: 11px; }
li::before { content: ''; display: inline-block; width: 12px; height: 3px; margin: 0 4px 3px 0;
  background: var(--line); }
svg { display: block; }
text { font: 11px sans-serif; fill: #5f6368; }
.grid { stroke: #e3e4e6; }
.lines path { fill: none; stroke-width: 1.5; stroke-linecap: round; }
"""


def page(board: FoundBoard, note: str) -> str:
    """`note` says below the title where the picture comes from."""
    panels = "".join(_panel(panel, board.span, board.step_seconds) for panel in board.panels)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(board.title)}</title>'
        f"<style>{_STYLE}</style><h1>{html.escape(board.title)}</h1><p>{html.escape(note)}</p>"
        f"<main>{panels}</main></html>"
    )


def shown(value: float, unit: str) -> str:
    """A value with its unit, as Grafana shows it. Raises `ValueError` for a unit that no board has had so far."""
    match unit:
        case "s":
            return f"{_short(value * 1000)} ms" if 0 < value < 1 else f"{_short(value)} s"
        case "ops":
            return f"{_short(value)} ops/s"
        case "bytes":
            return f"{_short(value / MIB)} MiB"
        case "short":
            return _short(value)
    raise ValueError(f"unit {unit}: add it to tests/monitoring/drawing.py")


def ticks(highest: float) -> list[float]:
    """Round values from 0 to the first that is not below `highest`."""
    if highest <= 0:
        return [0.0, 1.0]
    power = 10.0 ** math.floor(math.log10(highest / TICKS))
    distance = next(each * power for each in (1, 2, 5, 10) if each * power * TICKS >= highest)
    return [number * distance for number in range(math.ceil(round(highest / distance, 9)) + 1)]


def _short(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def stretches(line: Line, step_seconds: float) -> Iterator[list[tuple[float, float]]]:
    """The parts of a line between its gaps."""
    part: list[tuple[float, float]] = []
    for point in line.points:
        if part and point[0] - part[-1][0] > 1.5 * step_seconds:
            yield part
            part = []
        part.append(point)
    if part:
        yield part


def _panel(panel: FoundPanel, span: Span, step_seconds: float) -> str:
    place = panel.place
    style = f"grid-area: {place.y + 1} / {place.x + 1} / auto / span {place.width}"
    title = html.escape(panel.title)
    if panel.unit is None:
        return f'<h2 style="{style}">{title}</h2>'
    names = "".join(
        f'<li style="--line: {_colour(number)}">{html.escape(line.name)}</li>'
        for number, line in enumerate(panel.lines)
    )
    graph = _graph(panel.lines, panel.unit, span, step_seconds)
    return f'<section style="{style}"><h3>{title}</h3>{graph}<ul>{names}</ul></section>'


def _graph(lines: Sequence[Line], unit: str, span: Span, step_seconds: float) -> str:
    base = MIB if unit == "bytes" else 1
    highest = max((value for line in lines for _, value in line.points), default=0.0)
    scale = [base * value for value in ticks(highest / base)]

    def at(point: tuple[float, float]) -> str:
        x = LEFT + (point[0] - span.began) / span.seconds * (WIDTH - LEFT - RIGHT)
        return f"{x:.1f},{down(point[1]):.1f}"

    def down(value: float) -> float:
        return TOP + (1 - value / scale[-1]) * (HEIGHT - TOP - BOTTOM)

    values = "".join(
        f'<path class="grid" d="M{LEFT},{down(value):.1f}H{WIDTH - RIGHT}"/>'
        f'<text x="{LEFT - 6}" y="{down(value) + 4:.1f}" text-anchor="end">{shown(value, unit)}</text>'
        for value in scale
    )
    drawn = "".join(
        f'<path stroke="{_colour(number)}" d="M{" ".join(map(at, part))}h0"/>'  # `h0` makes a dot of a single point
        for number, line in enumerate(lines)
        for part in stretches(line, step_seconds)
    )
    none = "" if lines else f'<text x="{WIDTH / 2}" y="{HEIGHT / 2}" text-anchor="middle">No data</text>'
    return f'<svg width="{WIDTH}" height="{HEIGHT}">{values}{_times(span)}<g class="lines">{drawn}</g>{none}</svg>'


def _times(span: Span) -> str:
    """The beginning, the middle and the end."""
    places = ((0.0, LEFT, "start"), (0.5, (LEFT + WIDTH - RIGHT) / 2, "middle"), (1.0, WIDTH - RIGHT, "end"))
    moments = ((datetime.fromtimestamp(span.began + part * span.seconds, UTC), x, anchor) for part, x, anchor in places)
    return "".join(
        f'<text x="{x}" y="{HEIGHT - 4}" text-anchor="{anchor}">{moment:%H:%M:%S}</text>'
        for moment, x, anchor in moments
    )


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]
