"""A query that reaches a worker before the task it ran ahead of."""

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import PollWorkflowTaskQueueRequest, ResetStickyTaskQueueRequest
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.client import WorkflowHandle, WorkflowHistory, WorkflowQueryFailedError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

with workflow.unsafe.imports_passed_through():
    from tests.dev_server import dev_server
    from tests.eventually import eventually
    from tests.histories import events
    from tests.workers.watching import Watching
    from workers.query_tasks import RAN_AHEAD
    from workers.sandbox import GuardedSandboxRunner

TRIES = [0.5 + 0.25 * number for number in range(30)]
"""Query and task wait for the worker together; which is first is up to Temporal. The timer's seconds of each try: they
grow, because on a busy machine the first are too few."""

NEVER = timedelta(minutes=2)
"""A time limit that a busy machine does not reach."""


@workflow.defn
class Chooser:
    """Decides by whether the signal or the timer of `seconds` is first."""

    def __init__(self) -> None:
        self._signals = 0

    @workflow.run
    async def run(self, seconds: float) -> int:
        await workflow.sleep(timedelta(seconds=seconds))
        if found := self._signals:
            await workflow.sleep(timedelta(milliseconds=1))
        else:
            workflow.upsert_memo({"found": found})
            await workflow.wait_condition(lambda: self._signals > 0)
        return found

    @workflow.signal
    def count(self) -> None:
        self._signals += 1

    @workflow.query
    def signals(self) -> int:
        return self._signals


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[WorkflowEnvironment]:
    async with dev_server({}) as environment:
        yield environment


async def asked_between_timer_and_signal(
    server: WorkflowEnvironment, runner: SandboxedWorkflowRunner, seconds: float
) -> tuple[WorkflowHistory, int | BaseException]:
    """The history of a workflow, and how its query ended.

    The query waits for a worker when the timer fires, if `seconds` are enough to stop the worker and ask. If they are
    not, the first worker may take the task and lose it.
    """
    client, name = server.client, uuid.uuid4().hex
    handle = await client.start_workflow(Chooser.run, seconds, id=name, task_queue=name)
    async with Worker(client, task_queue=name, workflows=[Chooser], workflow_runner=runner):
        await eventually(lambda: events(handle, "TIMER_STARTED"))
    await back_to_the_shared_queue(server, handle)
    query = asyncio.create_task(handle.query(Chooser.signals))
    await eventually(lambda: events(handle, "TIMER_FIRED"))
    asked, answer_it = threading.Event(), threading.Event()

    def hold_query(_: str, act: WorkflowActivation) -> None:
        if any(job.HasField("query_workflow") for job in act.jobs):
            asked.set()
            answer_it.wait()

    async with Worker(
        client,
        task_queue=name,
        workflows=[Chooser],
        workflow_runner=Watching(runner, hold_query),
        max_concurrent_workflow_tasks=2,  # one for the shared queue: while the query is held, no task is taken
    ):
        try:
            await eventually(lambda: asked.is_set() or query.done())
            await handle.signal(Chooser.count)
        finally:
            answer_it.set()
        [answer] = await asyncio.gather(query, return_exceptions=True)
        await one_of(handle, "WORKFLOW_EXECUTION_COMPLETED", "WORKFLOW_TASK_TIMED_OUT")
    return await handle.fetch_history(), answer


async def asked_after_a_lost_task(server: WorkflowEnvironment, seconds: float) -> WorkflowHistory | None:
    """The history of a workflow whose task was lost before its query came; None if the query came before the task."""
    client, name = server.client, uuid.uuid4().hex
    limit = timedelta(seconds=5)
    handle = await client.start_workflow(Chooser.run, seconds, id=name, task_queue=name, task_timeout=limit)
    async with Worker(client, task_queue=name, workflows=[Chooser]):
        await eventually(lambda: events(handle, "TIMER_STARTED"))
    await back_to_the_shared_queue(server, handle)
    query = asyncio.create_task(handle.query(Chooser.signals))
    await eventually(lambda: events(handle, "TIMER_FIRED"))
    if not await is_lost_by_a_worker(server, name):
        query.cancel()
        return None
    async with Worker(client, task_queue=name, workflows=[Chooser], workflow_runner=GuardedSandboxRunner()):
        await asyncio.gather(query, return_exceptions=True)
        await handle.signal(Chooser.count)
        await one_of(handle, "WORKFLOW_PROPERTIES_MODIFIED", "WORKFLOW_EXECUTION_COMPLETED")
    return await handle.fetch_history()


async def back_to_the_shared_queue(server: WorkflowEnvironment, handle: WorkflowHandle[Chooser, int]) -> None:
    """Forget which worker has the run in its cache, as after an outage of ten seconds."""
    execution = WorkflowExecution(workflow_id=handle.id)
    request = ResetStickyTaskQueueRequest(namespace=server.client.namespace, execution=execution)
    await server.client.workflow_service.reset_sticky_task_queue(request)


async def one_of(handle: WorkflowHandle[Chooser, int], *kinds: str) -> None:
    """Wait until the history has an event of one of these kinds."""

    async def has_one() -> bool:
        return any([await events(handle, kind) for kind in kinds])

    await eventually(has_one)


async def is_lost_by_a_worker(server: WorkflowEnvironment, task_queue: str) -> bool:
    """Take a task, or a query, as a worker that then ends; whether it was a task."""
    client = server.client
    request = PollWorkflowTaskQueueRequest(namespace=client.namespace, task_queue=TaskQueue(name=task_queue))
    return not (await client.workflow_service.poll_workflow_task_queue(request)).HasField("query")


async def replays(history: WorkflowHistory) -> bool:
    replayer = Replayer(workflows=[Chooser])
    return (await replayer.replay_workflow(history, raise_on_replay_failure=False)).replay_failure is None


async def test_a_query_that_brings_a_timer_along_is_refused_and_the_task_finds_the_workflow_as_it_was(
    server: WorkflowEnvironment,
) -> None:
    for seconds in TRIES:
        history, answer = await asked_between_timer_and_signal(server, GuardedSandboxRunner(), seconds)
        if any(event.HasField("workflow_task_timed_out_event_attributes") for event in history.events):
            continue
        assert await replays(history)
        if isinstance(answer, WorkflowQueryFailedError) and str(answer) == RAN_AHEAD:
            return
    pytest.fail(f"In {len(TRIES)} tries no query was refused.")


async def test_the_sdk_alone_acts_upon_the_timer_and_its_history_does_not_replay(server: WorkflowEnvironment) -> None:
    """When this fails, the SDK is fixed, and `workers.query_tasks` can be removed."""
    for seconds in TRIES:
        history, _ = await asked_between_timer_and_signal(server, SandboxedWorkflowRunner(), seconds)
        if not await replays(history):
            return
    pytest.fail(f"In {len(TRIES)} tries the SDK never ran ahead.")


async def test_a_query_after_a_task_that_a_worker_took_and_lost_is_not_noticed(server: WorkflowEnvironment) -> None:
    """The part that `workers.query_tasks` leaves open. When this fails, the SDK is fixed."""
    for seconds in TRIES:
        if (history := await asked_after_a_lost_task(server, seconds)) and not await replays(history):
            return
    pytest.fail(f"In {len(TRIES)} tries the SDK never ran ahead.")


async def test_a_task_that_comes_with_the_end_of_a_repeated_one_is_acted_upon(server: WorkflowEnvironment) -> None:
    """Temporal reports the same history size for both: it has not counted the repeated task yet."""
    client, name = server.client, uuid.uuid4().hex
    begun, go_on = threading.Event(), threading.Event()
    attempts = iter(("lost", "held"))

    def lose_then_hold(_: str, __: WorkflowActivation) -> None:
        attempt = next(attempts, "")
        if attempt == "lost":
            raise ConnectionError("lost")
        if attempt == "held":
            begun.set()
            go_on.wait()

    runner = Watching(GuardedSandboxRunner(), lose_then_hold)
    async with Worker(client, task_queue=name, workflows=[Chooser], workflow_runner=runner):
        handle = await client.start_workflow(Chooser.run, 0.5, id=name, task_queue=name, task_timeout=NEVER)
        try:
            await eventually(begun.is_set)
            await handle.signal(Chooser.count)
        finally:
            go_on.set()
        assert await handle.result() == 1
    failed = await events(handle, "WORKFLOW_TASK_FAILED")
    assert [event.workflow_task_failed_event_attributes.failure.message for event in failed] == ["lost"]
