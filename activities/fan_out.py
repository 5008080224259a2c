"""Run a batch of subtasks concurrently, and continue where the previous attempt stopped."""

import asyncio
from typing import Protocol

from temporalio import activity

from domain.fan_out import OnFailure, SubtaskBatch, SubtaskFailed, SubtaskOutcome

REASON_LENGTH = 200
HEARTBEAT_SECONDS = 1.0
"""The shortest pause between heartbeats. What a lost worker finished after its last heartbeat runs again."""
CONCURRENT_SUBTASKS = 40
"""Subtasks that one batch runs at the same time."""


class Subtasks(Protocol):
    """Runs subtasks."""

    async def run(self, key: str, subtask: str) -> str:
        """Run one subtask; idempotent by `key`. Raises `SubtaskFailed` if a retry would fail too."""


class FanOutActivities:
    """The activity that runs the subtasks of a job."""

    def __init__(self, subtasks: Subtasks) -> None:
        self._subtasks = subtasks

    @activity.defn
    async def run_batch(self, batch: SubtaskBatch) -> list[SubtaskOutcome]:
        """Run every subtask of `batch`, and return the outcomes in the batch's order.

        A subtask that fails for good has an outcome with its error, unless the job stops at the first failure: then
        `SubtaskFailed` is raised. Any other error fails the attempt once the other subtasks have ended, and the next
        attempt skips the subtasks that the last heartbeat reported as finished. At the last attempt such an error is
        the subtask's outcome.
        """
        finished = _finished_before()
        errors: list[Exception] = []
        slots = asyncio.Semaphore(CONCURRENT_SUBTASKS)

        async def run(index: int, subtask: str) -> None:
            async with slots:
                try:
                    finished[index] = await self._run_one(batch, index, subtask)
                except SubtaskFailed:
                    raise
                except Exception as error:
                    errors.append(error)

        heartbeats = asyncio.create_task(_report_progress(finished))
        try:
            async with asyncio.TaskGroup() as group:
                for index, subtask in enumerate(batch.subtasks, batch.first):
                    if index not in finished:
                        group.create_task(run(index, subtask))
        except* SubtaskFailed as failures:
            errors[:] = [failures.exceptions[0]]
        finally:
            heartbeats.cancel()
            if len(finished) < len(batch.subtasks):
                activity.heartbeat(list(finished.values()))
        if errors:
            raise errors[0]
        return [finished[index] for index in sorted(finished)]

    async def _run_one(self, batch: SubtaskBatch, index: int, subtask: str) -> SubtaskOutcome:
        activity.logger.info("Started executing subtask %d", index)
        try:
            result = await self._subtasks.run(f"{batch.job_id}:{index}", subtask)
        except Exception as failure:
            activity.logger.info("Subtask %d failed: %s", index, type(failure).__name__)
            if batch.on_failure is OnFailure.STOP or not _is_final(failure):
                raise
            return SubtaskOutcome(index=index, error=_reason(failure))
        activity.logger.info("Finished subtask %d", index)
        return SubtaskOutcome(index=index, result=result)


def _is_final(failure: Exception) -> bool:
    retry = activity.info().retry_policy
    last_attempt = retry is not None and activity.info().attempt == retry.maximum_attempts
    return last_attempt or isinstance(failure, SubtaskFailed)


def _reason(failure: Exception) -> str:
    reason = failure.message if isinstance(failure, SubtaskFailed) else str(failure) or type(failure).__name__
    return reason[:REASON_LENGTH]


async def _report_progress(finished: dict[int, SubtaskOutcome]) -> None:
    """Send a heartbeat whenever more subtasks have finished. A batch that ends within the first pause sends none."""
    reported = len(finished)
    while True:
        await asyncio.sleep(HEARTBEAT_SECONDS)
        if len(finished) > reported:
            reported = len(finished)
            activity.heartbeat(list(finished.values()))


def _finished_before() -> dict[int, SubtaskOutcome]:
    details = activity.info().heartbeat_details
    if not details:
        return {}
    outcomes = (SubtaskOutcome.model_validate(outcome) for outcome in details[0])
    return {outcome.index: outcome for outcome in outcomes}
