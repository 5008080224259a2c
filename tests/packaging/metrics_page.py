"""Write the tables of docs/metrics.md from `domain.metrics`: `make env`."""

from collections.abc import Iterable
from pathlib import Path

from domain.metrics import OF_DATABASE, OF_GATEWAY, OF_WORKERS, Metric

FILE = Path(__file__).parents[2] / "docs/metrics.md"
SECTIONS = {
    "Gateway": OF_GATEWAY,
    "Gateway and workers: the database": OF_DATABASE,
    "Workers": OF_WORKERS,
}


def write() -> None:
    FILE.write_text(text())


def text() -> str:
    """The whole page, with the tables as they must be."""
    before, _, _ = FILE.read_text().partition(_heading(next(iter(SECTIONS))))
    return before + "\n\n".join("\n".join([_heading(title), "", *_table(m)]) for title, m in SECTIONS.items()) + "\n"


def _heading(title: str) -> str:
    return f"## {title}"


def _table(metrics: Iterable[Metric]) -> Iterable[str]:
    yield "| metric | type | unit | labels | meaning |"
    yield "|---|---|---|---|---|"
    for metric in metrics:
        labels = ", ".join(f"`{label}`" for label in metric.exposed_labels) or "-"
        yield f"| `{metric.name}` | {metric.kind} | {metric.unit} | {labels} | {metric.meaning} |"


if __name__ == "__main__":
    write()
