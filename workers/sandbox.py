"""The SDK's sandbox, entered for workflow code only.

For every payload the SDK also asks the workflow three to four times for the context of its serialization, and enters
the sandbox to ask: a fifth of a worker's Python time. Our converter does not use contexts.
"""

import threading
from dataclasses import dataclass, field
from typing import Any

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.converter import SerializationContext, StorageDriverStoreContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from temporalio.workflow import Info

from workers.handing_back import NextTask, handed_back
from workers.query_tasks import RAN_AHEAD, StartedTask

_NO_TARGET = StorageDriverStoreContext(target=None)


@dataclass(frozen=True)
class GuardedSandboxRunner(SandboxedWorkflowRunner):
    """Runs workflows in the sandbox, guarded against early queries. They hand back their tasks once `draining` is set.

    The client's data converter must be the same in every context, and must not use external storage.
    """

    draining: threading.Event = field(default_factory=threading.Event)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return EarlyQueryGuard(super().create_instance(det), self.draining)


class ContextFreeInstance(WorkflowInstance):
    """A workflow without contexts: the SDK's questions for them are answered without entering the sandbox."""

    def __init__(self, inner: WorkflowInstance) -> None:
        self._inner = inner

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        return self._inner.activate(act)

    def get_serialization_context(self, _command_info: Any) -> SerializationContext | None:
        return None

    def get_external_store_context(self, _command_info: Any) -> StorageDriverStoreContext:
        return _NO_TARGET

    def get_info(self) -> Info:
        return self._inner.get_info()

    def get_thread_id(self) -> int | None:
        return self._inner.get_thread_id()


class EarlyQueryGuard(ContextFreeInstance):
    """A workflow that refuses a query whose events belong to a task that has not started (`workers.query_tasks`), and
    its next task once its worker drains (`workers.handing_back`)."""

    def __init__(self, inner: WorkflowInstance, draining: threading.Event) -> None:
        super().__init__(inner)
        self._started = StartedTask()
        self._next = NextTask(draining)

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        if self._next.is_handed_back(act):
            return handed_back()
        if self._started.is_ahead(act):
            refusal = WorkflowActivationCompletion()
            refusal.failed.failure.message = RAN_AHEAD
            return refusal
        return super().activate(act)
