"""What it takes to make the instance of a workflow: each execution needs one, and each replay."""

from importlib.machinery import SourceFileLoader
from types import ModuleType

import pytest
from temporalio.workflow import _Definition

from workers.pools import POOLS
from workers.sandbox import GuardedSandboxRunner


@pytest.mark.parametrize("workflow", [pool.workflow for pool in POOLS if pool.workflow])
async def test_an_instance_executes_no_module_but_that_of_its_workflow(
    workflow: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`from workflows.x import y` passes `x` through. `from workflows import x` does not: it executes `x` again."""
    runner, definition = GuardedSandboxRunner(), _Definition.must_from_class(workflow)
    runner.prepare_workflow(definition)
    executed: list[str] = []
    execute = SourceFileLoader.exec_module

    def noted(loader: SourceFileLoader, module: ModuleType) -> None:
        executed.append(module.__name__)
        execute(loader, module)

    monkeypatch.setattr(SourceFileLoader, "exec_module", noted)
    runner.prepare_workflow(definition)
    assert executed == ["workflows", workflow.__module__]
