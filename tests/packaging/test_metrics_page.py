"""docs/metrics.md has the metrics of today, and code makes no others."""

import re
from pathlib import Path

import pytest

from domain.metrics import ALL, Counter, Metric
from tests.packaging import metrics_page

ROOT = Path(__file__).parents[2]
MAKES_A_METRIC = re.compile(
    r"\.create_(?:counter|gauge|histogram)\w*\(|\b(?:Counter|Gauge|Histogram|Summary)\(\s*[\"']"
)
PEOPLE = {"key", "tenant", "user", "customer", "caller", "invoice", "trip", "package", "id", "consumer"}


def test_the_tables_are_up_to_date() -> None:
    assert metrics_page.FILE.read_text() == metrics_page.text(), "run `make env`"


@pytest.mark.parametrize("metric", ALL.values(), ids=lambda metric: metric.name)
def test_a_metric_is_named_as_prometheus_names_them_and_names_no_person(metric: Metric) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)+", metric.name)
    assert metric.name.endswith("_total") is isinstance(metric, Counter)
    assert ("_seconds" in metric.name) is (metric.unit == "seconds")
    assert not PEOPLE & set(metric.labels)
    assert not metric.meaning.endswith("."), "sentences go on from it"


def test_every_metric_is_in_the_table_of_its_process_once() -> None:
    listed = [metric.name for metrics in metrics_page.SECTIONS.values() for metric in metrics]
    assert sorted(listed) == sorted(ALL)


def test_no_other_file_makes_a_metric() -> None:
    folders = ("workflows", "activities", "infra", "clients", "workers", "api", "domain")
    files = {file for folder in folders for file in (ROOT / folder).rglob("*.py")}
    making = {str(file.relative_to(ROOT)) for file in files if MAKES_A_METRIC.search(file.read_text())}
    # The pools have slots of their own, and set the SDK's metric for them.
    assert making == {"domain/metrics.py", "workers/pools.py"}
