"""Keeps a workflow from acting upon what a query brought along.

A query that comes over the shared task queue, as after an outage, carries the whole history. Its last events can belong
to a workflow task that no worker has started, and the SDK (temporalio 1.35) lets the workflow act upon them at once, at
the time of the task before. What is recorded before that task starts comes after them; a replay has it first:

    recorded   timer fired ── signal ── task: signal, then timer
    done       timer fired, for a query ── signal, with the task

A workflow that decides differently in the other order is stuck with a nondeterminism error. So such a query is refused:
the SDK answers it as failed and forgets the run, and the task finds it as the history has it.
"""

from temporalio.bridge.proto.workflow_activation import WorkflowActivation

RAN_AHEAD = "The query came before the workflow task that it depends on; ask again."


class StartedTask:
    """The last workflow task that a workflow acted upon, by what was reported when it started."""

    def __init__(self) -> None:
        self._events = 0
        self._reported: tuple[int, int, int] | None = None

    def is_behind(self, act: WorkflowActivation) -> bool:
        """Whether `act` has events of a task that was not started: they come without a time and a size of their own.

        Time alone would not do, as a server's clock can be set back; nor the size, which does not count a task that is
        done again. Never so with a server that reports no size, such as the time-skipping one.
        """
        if all(job.HasField("query_workflow") for job in act.jobs):
            return False
        reported = (act.timestamp.seconds, act.timestamp.nanos, act.history_size_bytes)
        behind = act.history_size_bytes > 0 and reported == self._reported and act.history_length > self._events
        self._events, self._reported = act.history_length, reported
        return behind
