"""Growth as a picture: what a unit costs against what the first ones cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure


@dataclass(frozen=True)
class Line:
    title: str
    units: Sequence[int]
    ratios: Sequence[float]


def draw(lines: Sequence[Line], path: Path) -> None:
    """Write an SVG, the same bytes for the same figures."""
    mpl.rcParams["svg.hashsalt"] = "growth"
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
    axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
