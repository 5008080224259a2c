"""The tasks that failed for good, found in Temporal's index of executions, a page at a time."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from temporalio.client import ActivityExecution, ActivityExecutionDescription, ActivityExecutionStatus
from temporalio.common import ActivityIDReusePolicy
from temporalio.exceptions import ActivityAlreadyStartedError
from temporalio.service import RPCError

from api.http.problems import Problem
from api.invokers.invocation import InvocationStatus
from api.invokers.policies import RPC_TIMEOUT
from api.invokers.task import TaskInvoker, task_of
from api.invokers.written_ids import written
from clients.temporal_errors import is_not_found
from domain.message_queue import MESSAGE_QUEUE
from workflows.search_attributes import PATTERN

FAILED_STATUSES = (ActivityExecutionStatus.FAILED, ActivityExecutionStatus.TIMED_OUT)
MAX_EXAMINED = 1_000
"""Executions that one page examines. The failed execution of a redriven task stays in the index until retention ends,
so without a limit a page would take longer the more tasks were redriven."""
MAX_PAGE_BYTES = 8 * 1024 * 1024
"""What the tasks of a page have in Temporal; the last one may exceed it. Each can have `MAX_PAYLOAD_BYTES`."""
_AT_ONCE = 8
"""Executions that are examined concurrently, each with a call to Temporal that returns its payload."""
_FAILED = f"{PATTERN.name} = '{MESSAGE_QUEUE.name}' AND ExecutionStatus IN ('Failed', 'TimedOut')"
_PRECISION = timedelta(microseconds=1)
"""The index may have nanoseconds, which `datetime` has not."""


@dataclass(frozen=True)
class Position:
    """The place of an execution in the index, where the one that closed last comes first."""

    closed_at: datetime
    run_id: str

    @classmethod
    def of(cls, execution: ActivityExecution) -> Self:
        assert execution.close_time is not None, "an execution that failed has ended"
        return cls(execution.close_time, execution.activity_run_id or "")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the `str` of a position. Raises `ValueError`."""
        closed_at, _, run_id = text.partition("~")
        position = cls(datetime.fromisoformat(closed_at), run_id)
        if position.closed_at.tzinfo is None or not run_id:
            raise ValueError("no position")
        return position

    def __str__(self) -> str:
        return f"{self.closed_at.isoformat().replace('+00:00', 'Z')}~{self.run_id}"


@dataclass(frozen=True)
class FailedTasksPage:
    """Tasks that wait to be redriven, the last failed first. `next` is None on the last page."""

    tasks: list[ActivityExecutionDescription]
    next: Position | None


async def failed_tasks(invoker: TaskInvoker, after: Position | None, limit: int) -> FailedTasksPage:
    """Find the next `limit` tasks that failed for good and were not redriven since.

    Or fewer, after `MAX_EXAMINED` executions or `MAX_PAGE_BYTES`.
    """
    tasks: list[ActivityExecutionDescription] = []
    examined = size = 0
    last = after
    async for group in _groups(_executions(invoker, after)):
        described = await asyncio.gather(*(_task(invoker, execution) for execution in group))
        for execution, task in zip(group, described, strict=True):
            is_full = len(tasks) == limit or size >= MAX_PAGE_BYTES
            if examined == MAX_EXAMINED or (task and is_full):
                return FailedTasksPage(tasks, last)
            if task:
                tasks.append(task)
                size += _size_of(task)
            examined += 1
            last = Position.of(execution)
    return FailedTasksPage(tasks, None)


async def redrive(invoker: TaskInvoker, failed: ActivityExecutionDescription) -> None:
    """Run a failed task again, under its own ID. Raises `Problem` 409 if it has not failed, or runs again already."""
    if failed.status not in FAILED_STATUSES:
        raise _not_failed(failed.activity_id, InvocationStatus.of_activity(failed))
    try:
        only_failed = ActivityIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY
        await invoker.start(failed.activity_id, await task_of(failed), timedelta(0), only_failed)
    except ActivityAlreadyStartedError:
        raise _not_failed(failed.activity_id, InvocationStatus.RUNNING) from None  # another call has redriven it


def _not_failed(invocation_id: str, status: InvocationStatus) -> Problem:
    detail = f"Task {invocation_id} has not failed, it is {status}: there is nothing to redrive."
    return Problem(409, "not-failed", detail, invocationId=written(invocation_id))


async def _task(invoker: TaskInvoker, execution: ActivityExecution) -> ActivityExecutionDescription | None:
    """The task, unless it was redriven since: then this is not its last execution."""
    try:
        task = await invoker.description(execution.activity_id)
    except RPCError as error:
        if is_not_found(error):  # its retention has ended since the index was read
            return None
        raise
    return task if task.activity_run_id == execution.activity_run_id and task.status in FAILED_STATUSES else None


def _size_of(task: ActivityExecutionDescription) -> int:
    return task.raw_info.ByteSize() + (task.raw_input.ByteSize() if task.raw_input else 0)


async def _executions(invoker: TaskInvoker, after: Position | None) -> AsyncIterator[ActivityExecution]:
    query = f"{_FAILED} AND ActivityId STARTS_WITH '{invoker.pattern.id_prefix}'"
    if after:
        query += f" AND CloseTime <= '{(after.closed_at + _PRECISION).isoformat()}'"
    closed_together: list[ActivityExecution] = []
    async for execution in invoker.client.list_activities(query, page_size=100, rpc_timeout=RPC_TIMEOUT):
        position = Position.of(execution)
        if after is None or position.closed_at < after.closed_at:
            for each in closed_together:
                yield each
            closed_together.clear()
            yield execution
        elif position == after:
            closed_together.clear()  # these came before it
        elif position.closed_at == after.closed_at:
            closed_together.append(execution)
    for each in closed_together:
        yield each


async def _groups(executions: AsyncIterator[ActivityExecution]) -> AsyncIterator[list[ActivityExecution]]:
    group: list[ActivityExecution] = []
    async for execution in executions:
        group.append(execution)
        if len(group) == _AT_ONCE:
            yield group
            group = []
    if group:
        yield group
