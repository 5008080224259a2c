"""Workers run workflow code in the sandbox, and enter it for nothing else."""

import uuid

import pytest
from temporalio import workflow
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import _runner

from workers.sandbox import GuardedSandboxRunner


@workflow.defn
class Echo:
    @workflow.run
    async def run(self, text: str) -> tuple[str, bool]:
        return text, workflow.unsafe.in_sandbox()


async def test_workflow_code_is_in_the_sandbox_and_its_payloads_are_not(
    time_skipping: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered: list[str] = []
    run_code = _runner._Instance._run_code

    def counted(instance: _runner._Instance, code: str, **extra_globals: object) -> None:
        entered.append(code)
        run_code(instance, code, **extra_globals)

    monkeypatch.setattr(_runner._Instance, "_run_code", counted)
    client, queue = time_skipping.client, uuid.uuid4().hex
    async with Worker(client, task_queue=queue, workflows=[Echo], workflow_runner=GuardedSandboxRunner()):
        assert await client.execute_workflow(Echo.run, "hello", id=queue, task_queue=queue) == ("hello", True)
    assert entered
    assert not [code for code in entered if "context" in code]
