"""Temporal Cloud's billable actions, counted from what Temporal has recorded.

The rules are Temporal's: "Temporal Cloud Actions", `SOURCE`. What is billed but in no history is counted nowhere here:
queries, and heartbeats of a workflow's activities.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from temporalio.api.activity.v1 import ActivityExecutionInfo
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent

SOURCE = "https://docs.temporal.io/evaluate/cloud/actions"
VERSION = "24afc58a45403e4942a36ac4e4805c05c4298fb9"
"""The commit of github.com/temporalio/documentation whose docs/evaluate/cloud/actions.mdx was read."""
READ_ON = "2026-11-27"

MAX_LOCAL_RETRIES = 100
CHANGE_VERSION = "TemporalChangeVersion"


class NoRule(Exception):
    """Temporal bills this event, and no rule here counts it: add one to `RULES`."""


@dataclass(frozen=True)
class Rule:
    """How many actions one run's events are. `says` is Temporal's rule in our words."""

    action: str
    says: str
    count: Callable[[Sequence[HistoryEvent]], int]


def of_history(events: Sequence[HistoryEvent]) -> Counter[str]:
    """The actions of one run, by their names. Raises `NoRule`."""
    for event in events:
        if event.event_type in _WITHOUT_RULE or event.workflow_task_failed_event_attributes.cause == _RESET:
            raise NoRule(EventType.Name(event.event_type))
    return +Counter({rule.action: rule.count(events) for rule in RULES})


def of_standalone(activity: ActivityExecutionInfo) -> Counter[str]:
    """The actions of a standalone activity: "Each time it is started or retried", and its recorded heartbeats."""
    return +Counter(
        {
            "standalone activity": 1,
            "standalone activity retry": max(activity.attempt - 1, 0),
            "standalone activity heartbeat": activity.total_heartbeat_count,
        }
    )


def _number_of(name: str) -> Callable[[Iterable[HistoryEvent]], int]:
    wanted = EventType.Value(f"EVENT_TYPE_{name}")
    return lambda events: sum(event.event_type == wanted for event in events)


def _starts(events: Sequence[HistoryEvent]) -> int:
    is_signal_with_start = len(events) > 1 and events[1].HasField("workflow_execution_signaled_event_attributes")
    is_continued = bool(events[0].workflow_execution_started_event_attributes.continued_execution_run_id)
    return int(is_continued or not is_signal_with_start)


def _retries(events: Iterable[HistoryEvent]) -> int:
    return sum(max(event.activity_task_started_event_attributes.attempt - 1, 0) for event in events)


def _tasks_with_markers(events: Iterable[HistoryEvent]) -> int:
    markers = (e.marker_recorded_event_attributes for e in events if e.HasField("marker_recorded_event_attributes"))
    return len({marker.workflow_task_completed_event_id for marker in markers})


def _local_retries(events: Iterable[HistoryEvent]) -> int:
    metered = (event.workflow_task_completed_event_attributes.metering_metadata for event in events)
    return sum(min(each.nonfirst_local_activity_execution_attempts, MAX_LOCAL_RETRIES) for each in metered)


def _upserts(events: Iterable[HistoryEvent]) -> int:
    written = [
        event.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields.keys()
        for event in events
        if event.HasField("upsert_workflow_search_attributes_event_attributes")
    ]
    return sum(names != {CHANGE_VERSION} for names in written)


RULES = (
    Rule("start", "a run that starts, also by continue-as-new; none for signal-with-start", _starts),
    Rule("signal", "a signal, also one that starts the workflow", _number_of("WORKFLOW_EXECUTION_SIGNALED")),
    Rule("update", "an update that was accepted", _number_of("WORKFLOW_EXECUTION_UPDATE_ACCEPTED")),
    Rule("activity", "an activity", _number_of("ACTIVITY_TASK_SCHEDULED")),
    Rule("activity retry", "an attempt of an activity after its first one", _retries),
    Rule("local activities", "all local activities of one workflow task together", _tasks_with_markers),
    Rule("local retry", "an attempt of a local activity after its first one, 100 at most per task", _local_retries),
    Rule("timer", "a timer that starts, also one that is cancelled", _number_of("TIMER_STARTED")),
    Rule("search attributes", "a write of any number of search attributes, except those of the start", _upserts),
)

_RESET = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW
_WITHOUT_RULE = {
    EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED,
    EventType.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED,
    EventType.EVENT_TYPE_NEXUS_OPERATION_SCHEDULED,
    EventType.EVENT_TYPE_NEXUS_OPERATION_CANCEL_REQUESTED,
}
