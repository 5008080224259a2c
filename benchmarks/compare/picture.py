"""The picture of the comparison."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from benchmarks.harness.pictures import save


@dataclass(frozen=True)
class Peer:
    label: str
    colour: str


PEERS = {
    "restate": Peer("as Restate", "#4c78a8"),
    "dbos-postgres": Peer("as DBOS on PostgreSQL", "#f2a65a"),
    "naive": Peer("as Temporal used naively", "#9ecae9"),
}
"""What ours is compared with, by system."""
_HEIGHT_PER_ROW_INCHES = 0.5
_WHOLE = 10
"""From here on ratios have no decimals; below they have two significant digits."""
_BAR_WIDTH = 0.8 / len(PEERS)


@dataclass(frozen=True)
class Bar:
    """A row of the picture: how many times as quick the quicker of ours is as each peer."""

    title: str
    ratios: Mapping[str, float]


def draw(bars: Sequence[Bar], path: Path) -> None:
    """Draw a bar per row and peer; it is to the right of 1 where ours is quicker."""
    figure = Figure(figsize=(9, 1.2 + _HEIGHT_PER_ROW_INCHES * len(bars)), layout="constrained")
    axes = figure.add_subplot()
    for offset, (name, peer) in enumerate(PEERS.items()):
        for place, bar in enumerate(bars):
            if ratio := bar.ratios.get(name):
                _draw_bar(axes, place + (offset - (len(PEERS) - 1) / 2) * _BAR_WIDTH, ratio, peer.colour)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_yticks(range(len(bars)), [bar.title for bar in bars])
    axes.invert_yaxis()
    axes.set_xlabel("ours is so many times as quick (logarithmic)")
    legend = [Patch(color=peer.colour, label=peer.label) for peer in PEERS.values()]
    figure.legend(handles=legend, loc="outside upper right", ncols=len(legend), frameon=False)
    save(figure, path)


def _draw_bar(axes: Axes, at: float, ratio: float, colour: str) -> None:
    axes.barh(at, ratio - 1, _BAR_WIDTH, left=1, color=colour)
    shown = f"{ratio:.0f}" if ratio >= _WHOLE else f"{ratio:.2g}"
    axes.annotate(shown, (max(ratio, 1), at), xytext=(3, 0), textcoords="offset points", va="center", fontsize=7)
