"""Figures as pictures: SVG, the same bytes for the same figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import Patch

_COLOURS = {"restate": "#4c78a8", "naive": "#9ecae9"}
_NAMES = {"restate": "as Restate", "naive": "as Temporal used naively"}
_HEIGHT_PER_ROW_INCHES = 0.42
_BAR = 0.38


@dataclass(frozen=True)
class Bar:
    """A row of the picture: how many times as quick ours is as each peer."""

    title: str
    ratios: Mapping[str, float]


def draw(bars: Sequence[Bar], path: Path) -> None:
    """The comparison: a bar per row and peer, to the right of one where ours is quicker."""
    figure = Figure(figsize=(9, 1.2 + _HEIGHT_PER_ROW_INCHES * len(bars)), layout="constrained")
    axes = figure.add_subplot()
    for offset, peer in enumerate(_COLOURS):
        for place, bar in enumerate(bars):
            if ratio := bar.ratios.get(peer):
                at = place + (offset - 0.5) * _BAR
                axes.barh(at, ratio - 1, _BAR, left=1, color=_COLOURS[peer])
                axes.annotate(
                    f"{ratio:.2g}",
                    (max(ratio, 1), at),
                    xytext=(3, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=7,
                )
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_yticks(range(len(bars)), [bar.title for bar in bars])
    axes.invert_yaxis()
    axes.set_xlabel("ours is so many times as quick (logarithmic)")
    legend = [Patch(color=colour, label=_NAMES[peer]) for peer, colour in _COLOURS.items()]
    figure.legend(handles=legend, loc="outside upper right", ncols=len(legend), frameon=False)
    _save(figure, path)


@dataclass(frozen=True)
class Line:
    """What a unit costs against what the first ones cost, by how many there were."""

    title: str
    units: Sequence[int]
    ratios: Sequence[float]


def draw_growth(lines: Sequence[Line], path: Path) -> None:
    """One line each; level where what is done already costs nothing."""
    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.add_subplot()
    for line in lines:
        axes.plot(line.units, line.ratios, marker="o", label=line.title)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("units done")
    axes.set_ylabel("CPU of a unit, first ones = 1")
    axes.legend(frameon=False)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    mpl.rcParams["svg.hashsalt"] = "benchmark"
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
