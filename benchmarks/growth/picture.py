"""The picture of growth: what a unit costs against the first ones, by how many there were."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.growth.series import Block
from benchmarks.harness.pictures import save


def draw(blocks: Sequence[Block], path: Path) -> None:
    """Draw a line for each series; it is level if the cost of a unit does not depend on what is done already."""
    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.add_subplot()
    for series, group in groupby(blocks, lambda block: block.series):
        own = list(group)
        units = [block.done + block.units for block in own]
        axes.plot(units, [block.cpu_ms / own[0].cpu_ms for block in own], marker="o", label=series)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("units done")
    axes.set_ylabel("CPU of a unit, first ones = 1")
    axes.legend(frameon=False)
    save(figure, path)
