"""The time-skipping server ends an activity in time, whatever its clock says."""

import asyncio
import uuid
from collections import Counter
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, RetryState
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

MOST_ATTEMPTS = 10
"""Some more than one a second for about two seconds."""


@activity.defn
async def fail() -> None:
    raise ApplicationError("again", non_retryable=activity.info().attempt > MOST_ATTEMPTS)


@workflow.defn
class Expiries:
    """Starts activities so that one of them expires at a whole second, if the server gets them within 200 ms."""

    @workflow.run
    async def run(self) -> list[RetryState | None]:
        rest = timedelta(microseconds=workflow.now().microsecond // 1000 * 1000)
        expiries = [timedelta(seconds=3) - rest - timedelta(milliseconds=later) for later in range(200)]
        return await asyncio.gather(*(self._end_of(each) for each in expiries))

    async def _end_of(self, schedule_to_close: timedelta) -> RetryState | None:
        try:
            await workflow.execute_activity(
                fail,
                schedule_to_close_timeout=schedule_to_close,
                retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), backoff_coefficient=1),
            )
        except ActivityError as failure:
            return failure.retry_state
        return None


async def test_an_activity_that_expires_at_a_whole_second_ends(time_skipping: WorkflowEnvironment) -> None:
    client, queue = time_skipping.client, uuid.uuid4().hex
    async with Worker(client, task_queue=queue, workflows=[Expiries], activities=[fail]):
        ends = await client.execute_workflow(Expiries.run, id=queue, task_queue=queue)
    assert Counter(ends) == {RetryState.TIMEOUT: 200}
