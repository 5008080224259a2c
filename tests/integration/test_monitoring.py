"""What boards and alerts read is what a running stack exposes, and nothing else of ours is exposed."""

from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from domain.metrics import ALL, OF_DATABASE, OF_GATEWAY, OF_WORKERS, Histogram
from tests.eventually import eventually
from tests.monitoring.incidents import MARK, watched_stack
from tests.monitoring.promql import Series, unmatched
from tests.monitoring.rules import RULES
from tools.boards.boards import BOARDS

QUERIES = sorted({query.expression for board in BOARDS for query in board.queries} | {rule["expr"] for rule in RULES})
BY_OTHERS = ("temporal_", "process_", "up")
PARTS = ("_bucket", "_sum", "_count")
WAITING = {
    "booking_trips_stuck": 1,
    "ingress_subscriptions_failed": 0,
    "message_queue_tasks_failed": 2,
    "package_tracker_packages_waiting": 1,
    "user_feed_posts_in_review": 0,
}
"""After `Watched.everything`."""


@pytest.fixture(scope="module")
async def series(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[list[Series]]:
    """All series, after everything has happened once. What is missing even then fails the tests that need it."""
    async with watched_stack(tmp_path_factory.mktemp("watched")) as watched:
        await watched.everything()
        latest: list[Series] = []

        async def is_complete() -> bool:
            latest[:] = await watched.series()
            counted = {each.name: each.value for each in latest if each.name in WAITING}
            return counted == WAITING and not any(unmatched(query, latest) for query in QUERIES)

        with suppress(TimeoutError):
            await eventually(is_complete, timeout_seconds=90)
        yield latest


@pytest.mark.parametrize("query", QUERIES)
async def test_a_query_reads_metrics_and_labels_that_a_stack_exposes(query: str, series: list[Series]) -> None:
    assert unmatched(query, series) == []


async def test_what_is_exposed_is_what_the_registry_has(series: list[Series]) -> None:
    by_job = {"gateway": (*OF_GATEWAY, *OF_DATABASE), "workers": (*OF_WORKERS, *OF_DATABASE)}
    for job, metrics in by_job.items():
        of_job = [each for each in series if each.by_label["job"] == job and not each.name.startswith(BY_OTHERS)]
        assert {metric_of(each.name) for each in of_job} == {metric.name for metric in metrics}, job
        for each in of_job:
            labels = each.by_label.keys() - {"job", "instance", "le"}
            assert labels == set(ALL[metric_of(each.name)].exposed_labels), each


async def test_what_waits_now_is_counted(series: list[Series]) -> None:
    waiting = {name: max(each.value for each in series if each.name == name) for name in WAITING}
    assert waiting == WAITING


async def test_no_label_has_a_key_or_a_tenant(series: list[Series]) -> None:
    values = {value for each in series for value in each.by_label.values()}
    assert not [value for value in values if MARK in value]


def metric_of(name: str) -> str:
    for part in PARTS:
        if isinstance(ALL.get(name.removesuffix(part)), Histogram):
            return name.removesuffix(part)
    return name
