"""Windows of the list of executions, over an index in memory that answers as Temporal's does."""

import base64
import random
import re
from bisect import bisect_left
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.common import SearchAttributePair, TypedSearchAttributes

from api.invokers import executions as listing
from api.invokers.executions import MAX_WINDOW, MIN_WINDOW, Position, executions
from api.invokers.invocation import InvocationStatus
from api.invokers.selection import Selection
from domain.fan_out import FAN_OUT
from workflows.search_attributes import PATTERN

NOW = datetime(2026, 1, 31, 13, tzinfo=UTC)
_SPAN = re.compile("StartTime (<|>=) '([^']+)'")


class Clock(datetime):
    """Always shows the same time: a busy machine takes long for a page."""

    @classmethod
    def now(cls, tz: Any = None) -> "Clock":
        return cls.fromisoformat(NOW.isoformat())


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "datetime", Clock)


def _start(row: Any) -> datetime:
    started_at: datetime = row.start_time
    return started_at


@dataclass
class Index:
    """Workflows by when they started; open ones come first, then the last closed ones, as in Temporal's index."""

    rows: list[Any] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    rows_read: int = 0
    closes: list[Any] = field(default_factory=list)
    """One of these closes after each query."""
    _sorted: list[Any] = field(default_factory=list)

    def add(self, started_at: datetime, *, is_open: bool = True, delay: timedelta = timedelta(0)) -> None:
        number = len(self.rows)
        self.rows.append(
            SimpleNamespace(
                id=FAN_OUT.execution_id(f"{number}"),
                run_id=f"run-{number:06}",
                status=WorkflowExecutionStatus.RUNNING if is_open else WorkflowExecutionStatus.COMPLETED,
                start_time=started_at,
                execution_time=started_at + delay,
                close_time=None if is_open else started_at,
                typed_search_attributes=TypedSearchAttributes([SearchAttributePair(PATTERN, FAN_OUT.name)]),
            )
        )

    async def list_workflows(self, query: str, *, limit: int, **_: Any) -> AsyncIterator[Any]:
        self.queries.append(query)
        bounds = {sign: datetime.fromisoformat(time) for sign, time in _SPAN.findall(query)}
        lower = bounds.get(">=", datetime.min.replace(tzinfo=UTC))
        upper = bounds.get("<", datetime.max.replace(tzinfo=UTC))
        rows = self._by_start()
        found = rows[bisect_left(rows, lower, key=_start) : bisect_left(rows, upper, key=_start)]
        if "ExecutionStatus = 'Running'" in query:
            found = [each for each in found if each.close_time is None]
        found.sort(key=lambda each: (each.close_time is None, each.close_time or each.start_time), reverse=True)
        for each in found[:limit]:
            self.rows_read += 1
            yield SimpleNamespace(**vars(each))
        if self.closes:
            closed = self.closes.pop()
            closed.status, closed.close_time = WorkflowExecutionStatus.COMPLETED, NOW

    def _by_start(self) -> list[Any]:
        if len(self._sorted) != len(self.rows):
            self._sorted = sorted(self.rows, key=_start)
        return self._sorted

    async def walk(self, limit: int, *statuses: InvocationStatus) -> list[str]:
        """The run IDs of all pages."""
        found, position = list[str](), None
        while True:
            page = await executions(cast(Any, self), Selection((FAN_OUT,), statuses=statuses), position, limit)
            found += [each.run_id for each in page.executions]
            if page.next is None:
                return found
            position = Position.parse(str(page.next))


def steady(count: int, per_second: float) -> Index:
    index = Index()
    for number in range(count):
        index.add(NOW - timedelta(seconds=number / per_second), is_open=number % 5 > 0)
    return index


async def test_the_first_of_many_needs_two_queries_and_few_rows() -> None:
    index = steady(5_000, per_second=200)

    page = await executions(cast(Any, index), Selection((FAN_OUT,)), None, 50)

    assert [each.run_id for each in page.executions] == [each.run_id for each in index.rows[:50]]
    assert len(index.queries) == 2
    assert index.rows_read < 400


async def test_the_first_of_many_that_started_long_ago_needs_two_as_well() -> None:
    index = Index()
    for number in range(5_000):
        index.add(NOW - timedelta(minutes=40, seconds=number / 200), is_open=number % 5 > 0)

    page = await executions(cast(Any, index), Selection((FAN_OUT,)), None, 50)

    assert [each.run_id for each in page.executions] == [each.run_id for each in index.rows[:50]]
    assert len(index.queries) == 2


async def test_the_next_pages_need_one_query_each() -> None:
    index = steady(5_000, per_second=200)

    found = await index.walk(200)

    assert found == [each.run_id for each in index.rows]
    assert len(index.queries) < 1.5 * len(index.rows) / 200


async def test_the_first_of_many_that_are_closed_needs_few_queries() -> None:
    index = Index()
    for number in range(5_000):
        index.add(NOW - timedelta(minutes=40, seconds=number / 200), is_open=False)

    page = await executions(cast(Any, index), Selection((FAN_OUT,)), None, 50)

    assert [each.run_id for each in page.executions] == [each.run_id for each in index.rows[:50]]
    assert len(index.queries) < 8


@pytest.mark.parametrize(
    "selective", [{"key": "7"}, {"pattern_status": "DONE"}, {"statuses": (InvocationStatus.TERMINATED,)}], ids=str
)
async def test_few_of_many_are_not_looked_for_among_the_open_ones(selective: dict[str, Any]) -> None:
    index = steady(5_000, per_second=200)

    await executions(cast(Any, index), Selection((FAN_OUT,), **selective), None, 50)

    assert not [query for query in index.queries if "ExecutionStatus = 'Running'" in query]


@pytest.mark.parametrize("limit", [1, 7, 200])
async def test_an_execution_that_closes_while_pages_are_read_is_listed_once(limit: int) -> None:
    index = steady(600, per_second=10)
    index.closes = random.Random(limit).sample(index.rows, 400)

    assert await index.walk(limit) == [each.run_id for each in index.rows]
    assert len(index.closes) < 400


async def test_one_that_closes_within_a_page_is_listed_as_closed() -> None:
    index = Index()
    index.add(NOW)
    index.closes = [index.rows[0]]

    page = await executions(cast(Any, index), Selection((FAN_OUT,)), None, 50)

    assert [each.status for each in page.executions] == [InvocationStatus.COMPLETED]


@pytest.mark.parametrize("limit", [1, 200])
async def test_a_few_delayed_ones_are_found_among_many_that_run(limit: int) -> None:
    index = Index()
    for number in range(3_000):
        index.add(NOW - timedelta(seconds=number), delay=timedelta(days=number % 1000 == 999))

    found = await index.walk(limit, InvocationStatus.SCHEDULED)

    assert found == [index.rows[number].run_id for number in (999, 1999, 2999)]


def clock_ahead() -> Index:
    index = Index()
    for number in range(1_500):
        index.add(NOW + timedelta(minutes=10) - timedelta(milliseconds=number))
    return index


def old_open_ones_and_many_that_closed() -> Index:
    index = Index()
    for number in range(3_000):
        index.add(NOW - timedelta(milliseconds=5 * number), is_open=False)
    for number in range(1_000):
        index.add(NOW - timedelta(seconds=59, milliseconds=number / 10))
    return index


def bursts_far_apart() -> Index:
    index, chance = Index(), random.Random(7)
    for burst in range(4):
        for _ in range(1_200):
            at = NOW - timedelta(days=30 * burst, milliseconds=chance.randrange(500))
            index.add(at, is_open=chance.random() < 0.5)
    return index


@pytest.mark.parametrize("limit", [1, 7, 200])
@pytest.mark.parametrize("make", [clock_ahead, old_open_ones_and_many_that_closed, bursts_far_apart, Index])
async def test_all_pages_have_each_execution_once(make: Any, limit: int) -> None:
    index: Index = make()
    del index.rows[30 * limit + 200 :]

    found = await index.walk(limit)

    assert sorted(found) == sorted(each.run_id for each in index.rows)
    starts = {each.run_id: each.start_time for each in index.rows}
    assert [starts[each] for each in found] == sorted(starts.values(), reverse=True)


@pytest.mark.parametrize("limit", [1, 200])
async def test_many_that_started_at_the_same_moment_are_listed(limit: int) -> None:
    index = Index()
    for _ in range(min(MAX_WINDOW, max(MIN_WINDOW, 4 * limit))):
        index.add(NOW)

    assert await index.walk(limit) == [each.run_id for each in index.rows]


@pytest.mark.parametrize("seconds", ["x", "nan", "inf", "-5", "1e400"])
def test_a_cursor_with_any_width_is_refused_or_bounded(seconds: str) -> None:
    text = f"{NOW.isoformat()}~run~{NOW.isoformat()}~{seconds}"
    cursor = base64.urlsafe_b64encode(text.encode()).decode()
    try:
        position = Position.parse(cursor)
    except ValueError:
        return
    assert timedelta(0) <= position.width <= timedelta(days=36_500)
