"""Each rule of Temporal's, on events made by hand."""

from collections import Counter
from typing import Any

import pytest
from temporalio.api.activity.v1 import ActivityExecutionInfo
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent

from tests.economy.actions import NoRule, of_history, of_standalone


def event(name: str, **attributes: Any) -> HistoryEvent:
    """An event with some of the attributes of its type."""
    fields: dict[str, Any] = {f"{name.lower()}_event_attributes": attributes}
    return HistoryEvent(event_type=EventType.Value(f"EVENT_TYPE_{name}"), **fields)


STARTED = event("WORKFLOW_EXECUTION_STARTED")
CONTINUED = event("WORKFLOW_EXECUTION_STARTED", continued_execution_run_id="run 1")
SIGNALED = event("WORKFLOW_EXECUTION_SIGNALED")
TASK = (event("WORKFLOW_TASK_SCHEDULED"), event("WORKFLOW_TASK_STARTED"), event("WORKFLOW_TASK_COMPLETED"))


def activity(attempt: int = 1) -> tuple[HistoryEvent, ...]:
    started = event("ACTIVITY_TASK_STARTED", attempt=attempt)
    return event("ACTIVITY_TASK_SCHEDULED"), started, event("ACTIVITY_TASK_COMPLETED")


def marker(task: int) -> HistoryEvent:
    return event("MARKER_RECORDED", workflow_task_completed_event_id=task)


def local_retries(count: int) -> HistoryEvent:
    return event("WORKFLOW_TASK_COMPLETED", metering_metadata={"nonfirst_local_activity_execution_attempts": count})


def upsert(*names: str) -> HistoryEvent:
    fields: dict[str, Any] = {"indexed_fields": {name: {} for name in names}}
    return event("UPSERT_WORKFLOW_SEARCH_ATTRIBUTES", search_attributes=fields)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((), {"start": 1}),
        ((event("WORKFLOW_EXECUTION_COMPLETED"),), {"start": 1}),
        ((SIGNALED, SIGNALED), {"start": 1, "signal": 2}),
        (activity(), {"start": 1, "activity": 1}),
        (activity(attempt=3), {"start": 1, "activity": 1, "activity retry": 2}),
        ((event("TIMER_STARTED"), event("TIMER_CANCELED")), {"start": 1, "timer": 1}),
        ((event("TIMER_STARTED"), event("TIMER_FIRED")), {"start": 1, "timer": 1}),
        ((marker(4), marker(4), marker(4)), {"start": 1, "local activities": 1}),
        ((marker(4), marker(4), marker(9)), {"start": 1, "local activities": 2}),
        ((local_retries(2), local_retries(1)), {"start": 1, "local retry": 3}),
        ((local_retries(170), local_retries(1)), {"start": 1, "local retry": 101}),
        ((upsert("Status"), upsert("Status", "Key")), {"start": 1, "search attributes": 2}),
        ((upsert("TemporalChangeVersion"),), {"start": 1}),
        ((event("WORKFLOW_EXECUTION_UPDATE_ACCEPTED"),), {"start": 1, "update": 1}),
        ((event("WORKFLOW_TASK_TIMED_OUT"), *TASK), {"start": 1}),
        ((event("WORKFLOW_EXECUTION_CONTINUED_AS_NEW"),), {"start": 1}),
    ],
)
def test_what_is_counted(events: tuple[HistoryEvent, ...], expected: dict[str, int]) -> None:
    assert of_history([STARTED, *TASK, *events]) == Counter(expected)


def test_a_signal_that_starts_is_one_action() -> None:
    assert of_history([STARTED, SIGNALED, *TASK]) == Counter(signal=1)


def test_a_run_that_continues_another_is_a_start_whatever_follows() -> None:
    assert of_history([CONTINUED, SIGNALED, *TASK]) == Counter(start=1, signal=1)


RESET = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW
HANDED_BACK = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_STICKY_TASK_QUEUE


@pytest.mark.parametrize(
    "billed",
    [
        event("START_CHILD_WORKFLOW_EXECUTION_INITIATED"),
        event("SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED"),
        event("WORKFLOW_EXECUTION_OPTIONS_UPDATED"),
        event("NEXUS_OPERATION_SCHEDULED"),
        event("NEXUS_OPERATION_CANCEL_REQUESTED"),
        event("WORKFLOW_TASK_FAILED", cause=RESET),
    ],
)
def test_what_is_billed_and_has_no_rule_is_refused(billed: HistoryEvent) -> None:
    with pytest.raises(NoRule):
        of_history([STARTED, *TASK, billed])


def test_a_task_that_is_handed_back_is_no_action() -> None:
    assert of_history([STARTED, *TASK, event("WORKFLOW_TASK_FAILED", cause=HANDED_BACK)]) == Counter(start=1)


def test_a_standalone_activity_is_counted_with_its_retries_and_heartbeats() -> None:
    assert of_standalone(ActivityExecutionInfo(attempt=1)) == Counter({"standalone activity": 1})
    assert of_standalone(ActivityExecutionInfo(attempt=3, total_heartbeat_count=4)) == Counter(
        {"standalone activity": 1, "standalone activity retry": 2, "standalone activity heartbeat": 4}
    )
