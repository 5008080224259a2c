"""A workflow hands its next task back once its worker drains.

Temporal gives the next task of a workflow to the worker that has it in memory, together with the answer to the last one
if something has happened until then. While signals arrive, such a worker never ends. A task that fails, though, goes to
any worker, at once. It costs one event in the history, and the other worker a replay.

Only a task that is known to be new is handed back: Temporal repeats a task that has failed before only after its time
limit.
"""

import threading

from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion

HANDED_BACK = "The worker is shutting down: another worker continues."


class NextTask:
    """Distinguishes the next task of a workflow from the one that its worker has already."""

    def __init__(self, draining: threading.Event) -> None:
        self._draining = draining
        self._events: int | None = None
        """The length of the history with the current task; None for a workflow that was not in memory before."""

    def is_handed_back(self, act: WorkflowActivation) -> bool:
        """Whether the worker drains, and `act` is not of the task that the workflow has already."""
        if act.is_replaying or not _is_task(act):
            return False
        if self._draining.is_set() and self._events is not None and act.history_length > self._events:
            return True
        self._events = act.history_length
        return False


def handed_back() -> WorkflowActivationCompletion:
    """The answer that hands a task back."""
    completion = WorkflowActivationCompletion()
    completion.failed.failure.message = HANDED_BACK
    completion.failed.force_cause = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_STICKY_TASK_QUEUE
    return completion


def _is_task(act: WorkflowActivation) -> bool:
    """Whether it has more than queries and the end of the workflow in memory."""
    return any(job.WhichOneof("variant") not in ("query_workflow", "remove_from_cache") for job in act.jobs)
