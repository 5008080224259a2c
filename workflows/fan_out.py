"""Parallelizing work: run the subtasks of a job concurrently, within limits, and combine their results in order.

    job ─► batches ─► at most 50 activities at a time, 40 subtasks in each ─► "a: DONE, b: DONE, ..."

Up to 100 subtasks have one activity each; a larger job runs at most 100 activities, of up to 100 subtasks each, so that
the history of a job with 10,000 subtasks has about 400 events. An activity that is interrupted continues from its
last heartbeat.
"""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.fan_out import FanOutActivities
    from domain.fan_out import (
        FAN_OUT,
        BatchStatus,
        Job,
        JobResult,
        OnFailure,
        Progress,
        SubtaskBatch,
        SubtaskFailed,
        SubtaskOutcome,
        aggregate,
        batches,
        progress,
    )
    from domain.metrics import SUBTASKS
    from workflows.policies import SUBTASK_BATCH
    from workflows.status import StatusDisplay
    from workflows.steps import error_of

BATCHES_AT_A_TIME = 50


@workflow.defn(name=FAN_OUT.service)
class FanOutWorker:
    """One job, from its description to its aggregated result. Query: progress."""

    @workflow.init
    def __init__(self, job: Job) -> None:
        self._batches = batches(workflow.info().workflow_id, job)
        self._statuses: dict[int, BatchStatus] = {}
        self._outcomes: dict[int, SubtaskOutcome] = {}
        self._display = StatusDisplay()

    @workflow.run
    async def run(self, job: Job) -> JobResult:
        slots = asyncio.Semaphore(BATCHES_AT_A_TIME)
        work = [asyncio.create_task(self._run_batch(batch, slots)) for batch in self._batches]
        self._show("RUNNING")
        try:
            await asyncio.gather(*work)
        except asyncio.CancelledError:
            self._show("CANCELLED")
            raise
        except ActivityError as failure:
            if is_cancelled_exception(failure):
                self._show("CANCELLED")
                raise
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            self._show("FAILED")
            raise SubtaskFailed(f"The job was stopped by a failed subtask: {_reason(failure)}") from failure
        result = aggregate(job, self._outcomes)
        workflow.logger.info("Aggregated result of %d subtasks", len(self._outcomes))
        self._show("DONE")
        return result

    async def _run_batch(self, batch: SubtaskBatch, slots: asyncio.Semaphore) -> None:
        async with slots:
            self._statuses[batch.first] = BatchStatus.RUNNING
            try:
                outcomes = await self._outcomes_of(batch)
            except (ActivityError, asyncio.CancelledError) as failure:
                cancelled = is_cancelled_exception(failure)
                self._statuses[batch.first] = BatchStatus.CANCELLED if cancelled else BatchStatus.FAILED
                raise
        self._outcomes.update((outcome.index, outcome) for outcome in outcomes)
        failed = sum(outcome.error is not None for outcome in outcomes)
        self._statuses[batch.first] = BatchStatus.FAILED if failed else BatchStatus.DONE
        SUBTASKS.count(workflow.metric_meter(), len(outcomes) - failed, outcome="done")
        SUBTASKS.count(workflow.metric_meter(), failed, outcome="failed")

    async def _outcomes_of(self, batch: SubtaskBatch) -> list[SubtaskOutcome]:
        try:
            return await workflow.execute_activity_method(
                FanOutActivities.run_batch, batch, **SUBTASK_BATCH, summary=_summary(batch)
            )
        except ActivityError as failure:
            if batch.on_failure is OnFailure.STOP or workflow.cancellation_reason() is not None:
                raise
            indexes = range(batch.first, batch.first + len(batch.subtasks))
            return [SubtaskOutcome(index=index, error=_reason(failure)) for index in indexes]

    def _show(self, status: str) -> None:
        progress = self.progress()
        self._display.show(status, f"{progress.done} of {progress.total} subtasks done, {progress.failed} failed.")

    @workflow.query
    def progress(self) -> Progress:
        return progress(self._batches, self._statuses, self._outcomes)


def _summary(batch: SubtaskBatch) -> str:
    """Which subtasks, not what they say: summaries carry no content."""
    if len(batch.subtasks) == 1:
        return f"subtask {batch.first + 1}"
    return f"subtasks {batch.first + 1} to {batch.first + len(batch.subtasks)}"


def _reason(failure: BaseException) -> str:
    error = error_of(failure)
    return error.message if error else str(failure.__cause__ or failure)
