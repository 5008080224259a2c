"""Deletes executions from Temporal, with their payloads and histories."""

import asyncio
from abc import abstractmethod
from collections import deque
from collections.abc import Awaitable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteActivityExecutionRequest, DeleteWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError

from clients.temporal_errors import is_not_found
from clients.visibility import condition
from domain.pattern import SEPARATOR, Entity, Pattern
from workflows.search_attributes import KEY, PATTERN

RPC_TIMEOUT = timedelta(seconds=5)
GONE_WITHIN = timedelta(seconds=10)
"""How long one call waits for Temporal to have deleted the runs. A run that has only just ended stays until the server
has acknowledged its end, which by default it does every 30 s."""
MAX_RUNS = 1_000
"""Runs of a key that one call deletes: an entity has one for each time that it has continued as new."""
MAX_EXAMINED = 10_000
"""Entries of Temporal's index that one search for a key reads."""
_REASON = "erasure"
_POLL = timedelta(milliseconds=20)

T = TypeVar("T")


@dataclass(frozen=True)
class _Run:
    client: Client
    id: str
    run_id: str
    is_open: bool

    @abstractmethod
    async def delete(self) -> bool:
        """Whether it was there. Temporal deletes after it has answered."""

    @abstractmethod
    async def is_there(self) -> bool:
        """Whether Temporal still has it."""


class _WorkflowRun(_Run):
    async def delete(self) -> bool:
        execution = WorkflowExecution(workflow_id=self.id, run_id=self.run_id)
        request = DeleteWorkflowExecutionRequest(namespace=self.client.namespace, workflow_execution=execution)
        call = self.client.workflow_service.delete_workflow_execution(request, timeout=RPC_TIMEOUT)
        return await _known(call) is not None

    async def is_there(self) -> bool:
        handle = self.client.get_workflow_handle(self.id, run_id=self.run_id)
        return await _known(handle.describe(rpc_timeout=RPC_TIMEOUT)) is not None


class _ActivityRun(_Run):
    async def delete(self) -> bool:
        namespace = self.client.namespace
        request = DeleteActivityExecutionRequest(namespace=namespace, activity_id=self.id, run_id=self.run_id)
        call = self.client.workflow_service.delete_activity_execution(request, timeout=RPC_TIMEOUT)
        return await _known(call) is not None

    async def is_there(self) -> bool:
        handle = self.client.get_activity_handle(self.id, run_id=self.run_id)
        return await _known(handle.describe(rpc_timeout=RPC_TIMEOUT)) is not None


@dataclass
class Deletion:
    """What became of a key's runs."""

    deleted: list[_Run] = field(default_factory=list)
    """Those whose deletion Temporal has accepted. It carries it out later."""
    still_open: int = 0
    """Trips, jobs and tasks that have not ended: to stop them is a decision of its own, which compensates a trip."""
    may_have_more: bool = False


@dataclass
class _Found:
    """The runs of a key, by their run IDs."""

    runs: dict[str, _Run] = field(default_factory=dict)
    examined: int = 0

    def add(self, run: _Run) -> None:
        self.runs[run.run_id] = run


class Executions:
    """The executions of keys. A key's runs are found in Temporal's index; the newest one by its ID too, because the
    index lags behind."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def end(self, pattern: Pattern, key: str) -> None:
        """Terminate an entity's open run, and messages to it that wait for their delay; nothing of another pattern.

        End all keys before any is deleted: Temporal deletes a run once every task of its shard up to the run's end is
        acknowledged, earlier deletions included, so that one deletion would wait for the other, seconds each.

        Raises `RPCError` if Temporal is unavailable, and `InvalidKey`.
        """
        if not isinstance(pattern, Entity):
            return
        messages = await self._activities(pattern, key)
        for message in messages.runs.values():
            if message.is_open:
                handle = self._client.get_activity_handle(message.id, run_id=message.run_id)
                await _known(handle.terminate(reason=_REASON, rpc_timeout=RPC_TIMEOUT))
        workflow = self._client.get_workflow_handle(pattern.execution_id(key))
        await _known(workflow.terminate(reason=_REASON, rpc_timeout=RPC_TIMEOUT))

    async def delete(self, pattern: Pattern, key: str) -> Deletion:
        """Delete the key's runs that have ended, and delayed messages to it. What was deleted before stays so.

        Raises `RPCError` if Temporal is unavailable, and `InvalidKey`.
        """
        deletion = Deletion()
        for found in (await self._activities(pattern, key), await self._workflows(pattern, key)):
            for run in list(found.runs.values())[:MAX_RUNS]:
                if run.is_open and not isinstance(pattern, Entity):
                    deletion.still_open += 1
                elif await run.delete():
                    deletion.deleted.append(run)
            deletion.may_have_more |= len(found.runs) > MAX_RUNS or found.examined == MAX_EXAMINED
        return deletion

    async def still_there(self, runs: Iterable[_Run]) -> set[_Run]:
        """Wait, `GONE_WITHIN` at most, until Temporal has deleted the runs. Return those that it has not."""
        remaining = deque(runs)
        with suppress(TimeoutError):
            async with asyncio.timeout(GONE_WITHIN.total_seconds()):
                while remaining:
                    if await remaining[0].is_there():
                        remaining.rotate(-1)
                        await asyncio.sleep(_POLL.total_seconds())
                    else:
                        remaining.popleft()
        return set(remaining)

    async def _workflows(self, pattern: Pattern, key: str) -> _Found:
        id = pattern.execution_id(key)
        found = _Found()
        query = condition("WorkflowId", id)
        async for each in self._client.list_workflows(query, limit=MAX_EXAMINED, rpc_timeout=RPC_TIMEOUT):
            found.examined += 1
            if each.id == id:
                found.add(_WorkflowRun(self._client, id, each.run_id, is_open=each.close_time is None))
        if newest := await _known(self._client.get_workflow_handle(id).describe(rpc_timeout=RPC_TIMEOUT)):
            found.add(_WorkflowRun(self._client, id, newest.run_id, is_open=newest.close_time is None))
        return found

    async def _activities(self, pattern: Pattern, key: str) -> _Found:
        """A task; or the delayed messages to an entity, whose IDs begin with the entity's."""
        id = pattern.execution_id(key)
        found = _Found()
        of_pattern = f"{PATTERN.name} = '{pattern.name}' AND ActivityId STARTS_WITH '{pattern.id_prefix}'"
        query = f"{of_pattern} AND {condition(KEY.name, key)}"
        async for each in self._client.list_activities(query, limit=MAX_EXAMINED, rpc_timeout=RPC_TIMEOUT):
            found.examined += 1
            is_of_key = each.typed_search_attributes.get(KEY) == key
            if is_of_key and (each.activity_id == id or each.activity_id.startswith(f"{id}{SEPARATOR}")):
                found.add(self._activity(each.activity_id, each.activity_run_id, each.close_time))
        if newest := await _known(self._client.get_activity_handle(id).describe(rpc_timeout=RPC_TIMEOUT)):
            found.add(self._activity(id, newest.activity_run_id, newest.close_time))
        return found

    def _activity(self, id: str, run_id: str | None, closed_at: object) -> _Run:
        return _ActivityRun(self._client, id, run_id or "", is_open=closed_at is None)


async def _known(call: Awaitable[T]) -> T | None:
    """The call's answer; None if there is no such execution. Raises `RPCError` for any other failure."""
    try:
        return await call
    except RPCError as error:
        if not is_not_found(error):
            raise
    return None
