"""The SDK's sandbox, entered for workflow code only.

The SDK also asks each workflow, three to four times for every payload that comes or goes, in which context it is
serialized, and enters the sandbox to ask: a fifth of a worker's Python time. Our converter has no use for contexts.
"""

from typing import Any

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.converter import SerializationContext, StorageDriverStoreContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from temporalio.workflow import Info

from workers.query_tasks import RAN_AHEAD, StartedTask

_NOWHERE = StorageDriverStoreContext(target=None)


class GuardedSandboxRunner(SandboxedWorkflowRunner):
    """Runs workflows in the sandbox, guarded against early queries.

    For clients whose data converter is the same in every context, and stores nothing elsewhere.
    """

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return EarlyQueryGuard(super().create_instance(det))


class ContextFreeInstance(WorkflowInstance):
    """A workflow that answers questions for contexts without entering the sandbox: it has none."""

    def __init__(self, inner: WorkflowInstance) -> None:
        self._inner = inner

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        return self._inner.activate(act)

    def get_serialization_context(self, _command_info: Any) -> SerializationContext | None:
        return None

    def get_external_store_context(self, _command_info: Any) -> StorageDriverStoreContext:
        return _NOWHERE

    def get_info(self) -> Info:
        return self._inner.get_info()

    def get_thread_id(self) -> int | None:
        return self._inner.get_thread_id()


class EarlyQueryGuard(ContextFreeInstance):
    """A workflow that refuses a query whose events belong to a task that has not started (`workers.query_tasks`)."""

    def __init__(self, inner: WorkflowInstance) -> None:
        super().__init__(inner)
        self._started = StartedTask()

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        if self._started.is_behind(act):
            refusal = WorkflowActivationCompletion()
            refusal.failed.failure.message = RAN_AHEAD
            return refusal
        return super().activate(act)
