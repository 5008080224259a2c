"""Jobs with subtasks that fail and wait, and record every call."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.fan_out import FanOutActivities
from domain.fan_out import FAN_OUT, BatchStatus, Job, JobResult, OnFailure, Progress, SubtaskFailed
from tests.eventually import eventually
from tests.histories import activities, assert_clean
from tests.workflows.fakes import FakeSubtasks, Gate
from workers.activity_methods import activity_methods
from workflows.fan_out import BATCHES_AT_A_TIME, FanOutWorker
from workflows.search_attributes import STATUS

Handle = WorkflowHandle[FanOutWorker, JobResult]
Start = Callable[[Job], Awaitable[Handle]]


@pytest.fixture
def subtasks() -> FakeSubtasks:
    return FakeSubtasks()


@pytest.fixture
async def start(dev_server: WorkflowEnvironment, subtasks: FakeSubtasks) -> AsyncIterator[Start]:
    """On the real server: some of these jobs end before their activities, which keeps time from being skipped."""
    queue = f"fan-out-{uuid.uuid4()}"
    started: list[Handle] = []

    async def start_job(job: Job) -> Handle:
        job_id = FAN_OUT.execution_id(str(uuid.uuid4()))
        handle = await dev_server.client.start_workflow(FanOutWorker.run, job, id=job_id, task_queue=queue)
        started.append(handle)
        return handle

    async with Worker(
        dev_server.client,
        task_queue=queue,
        workflows=[FanOutWorker],
        activities=activity_methods(FanOutActivities(subtasks)),
        max_concurrent_activities=200,
    ):
        yield start_job
        for handle in started:
            with suppress(RPCError):
                await handle.terminate()
            await assert_clean(handle)


def closed() -> Gate:
    gate = Gate()
    gate.close()
    return gate


def job_of(size: int, on_failure: OnFailure = OnFailure.CONTINUE) -> Job:
    return Job(description=",".join(f"s{number}" for number in range(size)), on_failure=on_failure)


async def progress(handle: Handle) -> Progress:
    return await handle.query(FanOutWorker.progress)


async def counts(handle: Handle) -> tuple[int, int, int]:
    """How many subtasks are done, failed and running."""
    shown = await progress(handle)
    return shown.done, shown.failed, shown.running


async def statuses(handle: Handle) -> list[BatchStatus]:
    return [batch.status for batch in (await progress(handle)).batches]


async def failure_of(handle: Handle) -> BaseException | None:
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    return caught.value.cause


async def test_the_result_is_in_the_order_of_the_description_whichever_subtask_ends_first(
    start: Start, subtasks: FakeSubtasks
) -> None:
    subtasks.gates["shower"] = closed()
    handle = await start(Job(description="get out of bed,shower,make coffee"))
    await eventually(lambda: subtasks.ended == ["get out of bed", "make coffee"] or len(subtasks.ended) == 2)
    subtasks.gates["shower"].open()
    result = await handle.result()
    assert subtasks.ended[-1] == "shower"
    assert result.description == "get out of bed: DONE, shower: DONE, make coffee: DONE"


async def test_at_most_fifty_batches_run_at_a_time_and_the_progress_shows_them(
    start: Start, subtasks: FakeSubtasks
) -> None:
    subtasks.gate.close()
    handle = await start(job_of(100))
    await eventually(lambda: subtasks.running == BATCHES_AT_A_TIME == 50)
    assert await counts(handle) == (0, 0, 50)
    assert await statuses(handle) == [BatchStatus.RUNNING] * 50 + [BatchStatus.PENDING] * 50
    subtasks.gate.open()
    await handle.result()
    assert subtasks.most_running == 50
    assert await counts(handle) == (100, 0, 0)
    assert await statuses(handle) == [BatchStatus.DONE] * 100


async def test_the_progress_counts_what_is_done_and_what_failed(start: Start, subtasks: FakeSubtasks) -> None:
    subtasks.gates["c"] = closed()
    subtasks.faults["b"] = [SubtaskFailed("no oil")]
    handle = await start(Job(description="a,b,c"))

    async def two_have_ended() -> bool:
        return await counts(handle) == (1, 1, 1)

    await eventually(two_have_ended)
    assert await statuses(handle) == [BatchStatus.DONE, BatchStatus.FAILED, BatchStatus.RUNNING]
    assert [batch.name for batch in (await progress(handle)).batches] == ["a", "b", "c"]
    subtasks.gates["c"].open()
    await handle.result()


async def test_a_failing_subtask_does_not_stop_the_others(start: Start, subtasks: FakeSubtasks) -> None:
    subtasks.faults["b"] = [SubtaskFailed("no oil")]
    result = await (await start(Job(description="a,b,c"))).result()
    assert result.description == "a: DONE, b: FAILED (no oil), c: DONE"


async def test_a_subtask_that_fails_at_every_attempt_does_not_stop_the_others(
    start: Start, subtasks: FakeSubtasks
) -> None:
    subtasks.faults["s1"] = [ConnectionError("unavailable") for _ in range(9)]
    result = await (await start(job_of(300))).result()
    lines = result.description.split(", ")
    assert lines[:3] == ["s0: DONE", "s1: FAILED (unavailable)", "s2: DONE"]
    assert sum(line.endswith(": DONE") for line in lines) == 299
    assert subtasks.begun.count("s1") == 5


async def test_a_job_that_stops_at_its_first_failure_fails_and_starts_no_further_subtask(
    start: Start, subtasks: FakeSubtasks
) -> None:
    subtasks.gate.close()
    subtasks.gates["s7"] = Gate()
    subtasks.faults["s7"] = [SubtaskFailed("no oil")]
    handle = await start(job_of(100, OnFailure.STOP))
    failure = await failure_of(handle)
    subtasks.gate.open()
    assert isinstance(failure, ApplicationError)
    assert failure.type == "SubtaskFailed"
    assert failure.message == "The job was stopped by a failed subtask: no oil"
    assert (await statuses(handle))[:8] == [BatchStatus.CANCELLED] * 7 + [BatchStatus.FAILED]
    assert subtasks.begun.count("s7") == 1
    assert len(subtasks.begun) <= 50


async def test_ten_thousand_subtasks_are_one_job_with_a_short_history(start: Start, subtasks: FakeSubtasks) -> None:
    handle = await start(job_of(10_000))
    result = await handle.result()
    assert result == JobResult(description=", ".join(f"s{number}: DONE" for number in range(10_000)))
    assert len(subtasks.begun) == len(subtasks.keys) == 10_000
    assert subtasks.most_running <= 50 * 20
    assert len((await handle.fetch_history()).events) < 1_000
    assert len(await activities(handle, "run_batch")) == 100


async def test_a_batch_that_is_retried_runs_only_the_unfinished_subtasks(start: Start, subtasks: FakeSubtasks) -> None:
    subtasks.faults["s5"] = [ConnectionError("unavailable"), ConnectionError("unavailable")]
    result = await (await start(job_of(1_000))).result()
    assert "s5: DONE" in result.description
    assert subtasks.begun.count("s5") == 3
    assert len(subtasks.begun) == 1_002


@pytest.mark.parametrize("size", [1, 100])
async def test_a_cancelled_job_is_cancelled_and_starts_no_further_subtask(
    start: Start, subtasks: FakeSubtasks, size: int
) -> None:
    subtasks.gate.close()
    handle = await start(job_of(size))
    await eventually(lambda: subtasks.running == min(size, 50))
    await handle.cancel()
    failure = await failure_of(handle)
    subtasks.gate.open()
    assert isinstance(failure, CancelledError)
    assert (await handle.describe()).typed_search_attributes[STATUS] == "CANCELLED"
    cancelled = [BatchStatus.CANCELLED] * min(size, 50)
    assert await statuses(handle) == cancelled + [BatchStatus.PENDING] * (size - len(cancelled))
    assert len(subtasks.begun) == min(size, 50)
