"""Pictures of figures: SVG, the same bytes for the same figures."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure


def save(figure: Figure, path: Path) -> None:
    """Write the picture without a frame above and to the right, without a date, and with fixed IDs."""
    mpl.rcParams["svg.hashsalt"] = "benchmark"
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
