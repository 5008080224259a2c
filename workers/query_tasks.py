"""Keeps a workflow from acting on events that arrive with a query.

A query that comes over the shared task queue, as after an outage, carries the whole history. Its last events can belong
to a workflow task that no worker has started, and the SDK (temporalio 1.35) lets the workflow act on them at once, at
the time of the previous task. If a signal is recorded before that task starts, the workflow sees it after those events,
but a replay has it first:

    recorded   timer fired ── signal ── task: signal, then timer
    live       timer fired, with the query ── signal, with the task

A workflow that decides differently in the other order is stuck with a nondeterminism error. So such a query is refused:
the SDK reports it as failed and evicts the run, and the task rebuilds it from the history.

Not noticed is a query that comes after a worker has taken the task and is lost: see docs/decisions/0011.
"""

from temporalio.bridge.proto.workflow_activation import WorkflowActivation

RAN_AHEAD = "The query came before the workflow task that it depends on: repeat the query."


class StartedTask:
    """The time and size of the history that were reported when a workflow's last task started."""

    def __init__(self) -> None:
        self._events = 0
        self._reported: tuple[int, int, int] | None = None

    def is_ahead(self, act: WorkflowActivation) -> bool:
        """Whether `act` has events of a task that was not started: more events, but the time and size of the last task.

        Neither is enough alone: a server's clock can be set back, and a task that is repeated does not change the size.
        Always False with a server that reports no size, such as the time-skipping one.
        """
        if all(job.HasField("query_workflow") for job in act.jobs):
            return False
        reported = (act.timestamp.seconds, act.timestamp.nanos, act.history_size_bytes)
        is_ahead = act.history_size_bytes > 0 and reported == self._reported and act.history_length > self._events
        self._events, self._reported = act.history_length, reported
        return is_ahead
