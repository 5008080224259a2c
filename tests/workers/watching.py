"""Workflow runners that report each activation to a test: before the workflow handles it, or how long it took."""

import time
from collections.abc import Callable

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner
from temporalio.workflow import _Definition

from workers.sandbox import ContextFreeInstance

Before = Callable[[str, WorkflowActivation], None]
"""Called with the workflow's ID, in the workflow's thread. An error fails the task."""
Left = Callable[[str], None]
"""Called with the workflow's ID when its worker removes it from memory."""


def ignore(workflow_id: str) -> None:
    """For tests that do not need to know that a workflow has left."""


class Watching(WorkflowRunner):
    """Runs workflows as `runner` does."""

    def __init__(self, runner: WorkflowRunner, before: Before, left: Left = ignore) -> None:
        self._runner = runner
        self._before = before
        self._left = left

    def prepare_workflow(self, defn: _Definition) -> None:
        self._runner.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return WatchedInstance(self._runner.create_instance(det), self._before, self._left)


class WatchedInstance(ContextFreeInstance):
    def __init__(self, inner: WorkflowInstance, before: Before, left: Left) -> None:
        super().__init__(inner)
        self._before = before
        self._left = left

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        if any(job.HasField("remove_from_cache") for job in act.jobs):
            self._left(self.get_info().workflow_id)
        else:
            self._before(self.get_info().workflow_id, act)
        return super().activate(act)


class Measuring(WorkflowRunner):
    """Runs workflows as `runner` does."""

    def __init__(self, runner: WorkflowRunner) -> None:
        self._runner = runner
        self.cpu_seconds: list[float] = []
        """The CPU time of each activation, which, unlike wall-clock time, does not grow on a busy machine."""

    def prepare_workflow(self, defn: _Definition) -> None:
        self._runner.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return MeasuredInstance(self._runner.create_instance(det), self.cpu_seconds)


class MeasuredInstance(ContextFreeInstance):
    def __init__(self, inner: WorkflowInstance, cpu_seconds: list[float]) -> None:
        super().__init__(inner)
        self._cpu_seconds = cpu_seconds

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        began = time.thread_time()
        try:
            return super().activate(act)
        finally:
            self._cpu_seconds.append(time.thread_time() - began)
