"""The executions of a tenant, found in Temporal's index, a page at a time, the last started first.

The index returns open executions before closed ones, so that an execution moves while pages are read. When it started
does not change: a page is read in windows of that time, each small enough to be read whole and put in order here. How
wide that is shows in what was found before, and at first in the open ones, which are in the order of their starts.

    now ──┤ window ├──┤ window ├──┤   window, wider where few started   ├── since
"""

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from temporalio.client import ActivityExecution, Client, WorkflowExecution
from temporalio.common import TypedSearchAttributes

from api.invokers.invocation import InvocationStatus
from api.invokers.policies import RPC_TIMEOUT
from api.invokers.selection import IN_TEMPORAL, OPEN, Execution, Selection
from domain.message_queue import MESSAGE_QUEUE
from domain.pattern import Pattern
from workflows.search_attributes import KEY, PATTERN, STATUS

MAX_WINDOW = 999
"""Executions of a kind in one window at most; Temporal returns up to 1,000 at once."""
MIN_WINDOW = 200
"""The same, however short the page: fewer may start in the same microsecond."""
MAX_WINDOWS = 24
"""Windows that one page reads at most, so that it ends also where few executions match."""
_FIRST_WIDTH = timedelta(minutes=1)
_ALL = timedelta(days=36_500)
_WIDER, _NARROWER = 60, 1 / 4
_ROOM = 4
"""Executions of a kind in one window, for each of the page: of a window that has more, all are read in vain."""
_MICROSECOND = timedelta(microseconds=1)
_COUNTED = {status: names[0] for status, names in IN_TEMPORAL.items() if status != "SCHEDULED"}


@dataclass(frozen=True)
class Position:
    """A place in the order of executions, when the first page was read, and how wide the last window was."""

    started_at: datetime
    run_id: str
    as_of: datetime
    width: timedelta = _FIRST_WIDTH

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the `str` of a position. Raises `ValueError`."""
        started_at, run_id, as_of, seconds = base64.urlsafe_b64decode(text.encode("ascii")).decode("ascii").split("~")
        width = timedelta(seconds=min(max(float(seconds), 0.0), _ALL.total_seconds()))
        position = cls(datetime.fromisoformat(started_at), run_id, datetime.fromisoformat(as_of), width)
        if position.started_at.tzinfo is None or position.as_of.tzinfo is None:
            raise ValueError("no position")
        return position

    def __str__(self) -> str:
        seconds = self.width.total_seconds()
        text = f"{self.started_at.isoformat()}~{self.run_id}~{self.as_of.isoformat()}~{seconds:g}"
        return base64.urlsafe_b64encode(text.encode("ascii")).decode("ascii")

    def is_before(self, execution: Execution) -> bool:
        """Whether the execution comes later in the list."""
        if execution.started_at == self.started_at:
            return execution.run_id > self.run_id
        return execution.started_at < self.started_at


@dataclass(frozen=True)
class ExecutionsPage:
    """Executions, the last started first. `next` is None on the last page."""

    executions: list[Execution]
    next: Position | None


async def executions(client: Client, selection: Selection, after: Position | None, limit: int) -> ExecutionsPage:
    """Find the next `limit` executions; fewer after `MAX_WINDOWS`, with the position where to continue.

    Each execution that existed when the first page was read, and exists still, is on one page, however many start, end
    or continue as new in between. Raises `RPCError`.
    """
    now = datetime.now(UTC)
    position = after or Position(now + timedelta(days=1), "", now, await _first_width(client, selection, now, limit))
    found: list[Execution] = []
    upper, width = position.started_at, position.width
    room = min(MAX_WINDOW, max(MIN_WINDOW, _ROOM * limit))
    for _ in range(MAX_WINDOWS):
        top = min(upper, now)  # `upper` may be later: the clock of Temporal's server may be ahead
        lower = min(top - width, upper - _MICROSECOND) if width < _ALL else None
        if selection.since and (lower is None or lower < selection.since):
            lower = selection.since - _MICROSECOND
        window = await _window(client, selection, (lower, upper), position.as_of, room)
        if not window.is_whole:
            width = top - window.narrower(2 * limit, lower, top)
            continue
        new = sorted((each for each in window.executions if position.is_before(each)), key=lambda each: each.run_id)
        found += sorted(filter(selection.includes, new), key=lambda each: each.started_at, reverse=True)
        if len(found) > limit:
            last = found[limit - 1]
            return ExecutionsPage(found[:limit], Position(last.started_at, last.run_id, position.as_of, width))
        if lower is None or (selection.since and lower < selection.since):
            return ExecutionsPage(found, None)
        upper, width = lower, max(width, _MICROSECOND) * window.growth(limit)
    return ExecutionsPage(found, Position(upper, "", position.as_of, width))


async def _first_width(client: Client, selection: Selection, now: datetime, limit: int) -> timedelta:
    """How wide a window is in which enough open executions started for a page, if there are so many.

    Not asked for a key, or a pattern's status: the index would then read all open executions to find its few.
    """
    is_selective = selection.key is not None or selection.pattern_status is not None
    if is_selective or not selection.may_be_open:
        return _FIRST_WIDTH
    found = await _find(client, selection, f"ExecutionStatus = '{OPEN}'", "", limit + 1)
    starts = sorted((each.started_at for kind in found for each in kind), reverse=True)
    return max(now - starts[limit] + _MICROSECOND, _MICROSECOND) if len(starts) > limit else _FIRST_WIDTH


@dataclass(frozen=True)
class _Window:
    """What started in a span of time: all of it if `is_whole`, otherwise open executions before closed ones."""

    executions: list[Execution]
    is_whole: bool

    def narrower(self, count: int, lower: datetime | None, top: datetime) -> datetime:
        """Where one begins that has `count` of those that were read, and is narrower by a quarter at least.

        The newest ones may have closed, and be among those that were not read.
        """
        starts = sorted((each.started_at for each in self.executions), reverse=True)
        lower = lower or starts[-1]
        return max(starts[min(count, len(starts) // 2)], lower + (top - lower) * _NARROWER)

    def growth(self, limit: int) -> int:
        """How much wider the next window is to be, if it is to have twice `limit`."""
        wanted = 2 * limit // len(self.executions) if self.executions else _WIDER
        return min(max(wanted, 1), _WIDER)


async def _window(
    client: Client, selection: Selection, span: tuple[datetime | None, datetime], as_of: datetime, room: int
) -> _Window:
    """What started after one time, and until the other: up to `room` workflows, and as many activities."""
    lower, upper = span
    # The index may have nanoseconds, which `datetime` has not.
    started = f"StartTime < '{(upper + _MICROSECOND).isoformat()}'"
    if lower is not None:
        started += f" AND StartTime >= '{(lower + _MICROSECOND).isoformat()}'"
    # A run that continued as new while pages are read stands for the execution: the new run comes before the position.
    latest = f" AND (ExecutionStatus != 'ContinuedAsNew' OR CloseTime > '{as_of.isoformat()}')"
    found = await _find(client, selection, started, latest, room + 1)
    return _Window([each for kind in found for each in kind], all(len(kind) <= room for kind in found))


async def _find(
    client: Client, selection: Selection, condition: str, of_workflows: str, limit: int
) -> list[list[Execution]]:
    """The first `limit` workflows of the selection, and as many activities, that meet the condition as well."""
    kinds = []
    if workflows := selection.workflows:
        query = f"{selection.query(workflows, 'WorkflowId')} AND {condition}{of_workflows}"
        kinds.append(_workflows(client, query, workflows, limit))
    if activities := selection.activities:
        query = f"{selection.query(activities, 'ActivityId')} AND {condition}"
        kinds.append(_activities(client, query, activities, limit))
    return await asyncio.gather(*kinds)


async def _workflows(client: Client, query: str, patterns: Sequence[Pattern], limit: int) -> list[Execution]:
    found = client.list_workflows(query, page_size=limit, limit=limit, rpc_timeout=RPC_TIMEOUT)
    return [_of_workflow(each, patterns) async for each in found]


async def _activities(client: Client, query: str, patterns: Sequence[Pattern], limit: int) -> list[Execution]:
    found = client.list_activities(query, page_size=limit, limit=limit, rpc_timeout=RPC_TIMEOUT)
    return [_of_activity(each, patterns) async for each in found]


def _of_workflow(found: WorkflowExecution, patterns: Sequence[Pattern]) -> Execution:
    pattern = _pattern_of(found.typed_search_attributes, patterns)
    status = found.status.name if found.status else "RUNNING"
    return Execution(
        id=found.id,
        run_id=found.run_id,
        pattern=pattern,
        key=pattern.key_of(found.id),
        status=_status(status, found.execution_time),
        pattern_status=found.typed_search_attributes.get(STATUS),
        started_at=found.start_time,
        execution_time=found.execution_time,
        finished_at=found.close_time if status != "CONTINUED_AS_NEW" else None,
        is_activity=False,
    )


def _of_activity(found: ActivityExecution, patterns: Sequence[Pattern]) -> Execution:
    return Execution(
        id=found.activity_id,
        run_id=found.activity_run_id or "",
        pattern=_pattern_of(found.typed_search_attributes, patterns),
        key=found.typed_search_attributes.get(KEY),
        status=_status(found.status.name, found.execution_time),
        pattern_status=None,
        started_at=found.schedule_time,
        execution_time=found.execution_time,
        finished_at=found.close_time,
        is_activity=True,
    )


def _pattern_of(attributes: TypedSearchAttributes, patterns: Sequence[Pattern]) -> Pattern:
    name = attributes.get(PATTERN)
    return next(each for each in patterns if each.name == name)


def _status(name: str, execution_time: datetime | None) -> InvocationStatus:
    if name in ("RUNNING", "CONTINUED_AS_NEW"):
        waits = execution_time is not None and execution_time > datetime.now(UTC)
        return InvocationStatus.SCHEDULED if waits else InvocationStatus.RUNNING
    return InvocationStatus("CANCELLED" if name == "CANCELED" else name)


async def count(client: Client, pattern: Pattern) -> dict[InvocationStatus, int]:
    """How many executions of the pattern have each status, without those that are none. Raises `RPCError`.

    The index does not know which are delayed: they count as running.
    """
    one = (pattern,)
    selection = Selection(one)
    latest = "ExecutionStatus != 'ContinuedAsNew' GROUP BY ExecutionStatus"
    is_queue = pattern.name == MESSAGE_QUEUE.name
    counted = await (
        client.count_activities(
            f"{selection.query(one, 'ActivityId')} GROUP BY ExecutionStatus", rpc_timeout=RPC_TIMEOUT
        )
        if is_queue
        else client.count_workflows(f"{selection.query(one, 'WorkflowId')} AND {latest}", rpc_timeout=RPC_TIMEOUT)
    )
    by_name = {str(group.group_values[0]): group.count for group in counted.groups}
    return {status: by_name[name] for status, name in _COUNTED.items() if name in by_name}
