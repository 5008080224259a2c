"""Workflows without anything of ours, and their worker: `python -m benchmarks.economy.bare ADDRESS QUEUE SANDBOX`."""

import asyncio
import os
import sys
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

STEPS = 6
"""As many as a trip with three compensations has."""
_TIMEOUT = timedelta(seconds=30)
_DEADLINE_SECONDS = 86_400.0
_CONCURRENT_TASKS = 24
RUNNERS: dict[str, type[WorkflowRunner]] = {"no": UnsandboxedWorkflowRunner, "yes": SandboxedWorkflowRunner}


@activity.defn
async def step(text: str) -> str:
    return text


@workflow.defn
class Empty:
    @workflow.run
    async def run(self, text: str) -> str:
        return text


@workflow.defn
class LocalSteps:
    @workflow.run
    async def run(self, text: str) -> str:
        for _ in range(STEPS):
            await workflow.execute_local_activity(step, text, start_to_close_timeout=_TIMEOUT)
        return text


@workflow.defn
class Activities:
    @workflow.run
    async def run(self, text: str) -> str:
        for _ in range(STEPS):
            await workflow.execute_activity(step, text, start_to_close_timeout=_TIMEOUT)
        return text


@workflow.defn
class FirstMessage:
    """An entity's first message: it comes with the start, causes a step, and a timer is set beside it."""

    def __init__(self) -> None:
        self._has_message = False

    @workflow.run
    async def run(self, text: str) -> str:
        self._deadline = asyncio.create_task(asyncio.sleep(_DEADLINE_SECONDS))
        await workflow.wait_condition(lambda: self._has_message)
        return await workflow.execute_local_activity(step, text, start_to_close_timeout=_TIMEOUT)

    @workflow.signal
    def receive(self, _: str) -> None:
        self._has_message = True


WORKFLOWS = {
    "no steps": Empty,
    "a signal with the start, a local step and a timer": FirstMessage,
    f"{STEPS} local steps": LocalSteps,
    f"{STEPS} activities": Activities,
}


async def _work(address: str, queue: str, sandbox: str) -> None:
    """Work until whoever started this process closes its input, or has ended."""
    worker = Worker(
        await Client.connect(address),
        task_queue=queue,
        workflows=list(WORKFLOWS.values()),
        activities=[step],
        workflow_runner=RUNNERS[sandbox](),
        max_concurrent_workflow_tasks=_CONCURRENT_TASKS,
    )
    async with worker:
        await asyncio.to_thread(sys.stdin.read)
        os._exit(0)  # the server may have ended too, and the SDK would wait for it


if __name__ == "__main__":
    asyncio.run(_work(*sys.argv[1:]))
