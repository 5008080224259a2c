"""What a workflow's history says about how it ran."""

import json
from typing import Any

from temporalio.api.enums.v1 import EventType, PendingActivityState, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent, MarkerRecordedEventAttributes
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import WorkflowHandle

from tests.eventually import eventually


async def events(handle: WorkflowHandle[Any, Any], kind: str) -> list[HistoryEvent]:
    """The events of one kind, such as `TIMER_STARTED`, of the handle's run or its latest."""
    wanted = EventType.Value(f"EVENT_TYPE_{kind}")
    return [event for event in (await handle.fetch_history()).events if event.event_type == wanted]


async def activities(handle: WorkflowHandle[Any, Any], name: str) -> list[HistoryEvent]:
    """The events that scheduled activity `name`, or recorded that it was done locally: one each, however often it was
    tried."""
    scheduled = await events(handle, "ACTIVITY_TASK_SCHEDULED")
    found = [e for e in scheduled if e.activity_task_scheduled_event_attributes.activity_type.name == name]
    markers = [(e, e.marker_recorded_event_attributes) for e in await events(handle, "MARKER_RECORDED")]
    done = [e for e, marker in markers if not marker.HasField("failure") and _local_activity(marker) == name]
    return found + done


def _local_activity(marker: MarkerRecordedEventAttributes) -> str:
    return str(json.loads(marker.details["data"].payloads[0].data)["activity_type"])


async def assert_clean(handle: WorkflowHandle[Any, Any]) -> None:
    """No workflow task failed: no bug was hidden by a retry, and every replay found what it expected.

    Three failures are normal: a run that is about to complete when a signal arrives handles the signal and continues, a
    task during which more than a hundred signals arrive starts again with them, and a worker that shuts down hands its
    next tasks back.
    """
    failed = [e.workflow_task_failed_event_attributes for e in await events(handle, "WORKFLOW_TASK_FAILED")]
    unexpected = [f for f in failed if f.cause not in _NORMAL]
    assert not unexpected, unexpected


async def until_idle(handle: WorkflowHandle[Any, Any]) -> None:
    """Wait until no task is open that a worker has to finish. Then terminating the workflow has no side effect.

    In the time-skipping server an activity that outlives its workflow keeps time from being skipped.
    """

    async def idle() -> bool:
        events = (await handle.fetch_history()).events
        pending = (await handle.describe()).raw_description.pending_activities
        if len((await handle.fetch_history()).events) > len(events):  # an activity ended, or began, in between
            return False
        tasks = [event.event_type for event in events if event.event_type in _WORKFLOW_TASK]
        return bool(tasks) and tasks[-1] not in _UNFINISHED and all(_is_polling(activity) for activity in pending)

    await eventually(idle)


def _is_polling(activity: PendingActivityInfo) -> bool:
    return activity.state == PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED and activity.attempt > 1


_NORMAL = {
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_STICKY_TASK_QUEUE,
}
_UNFINISHED = {EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED, EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED}
_WORKFLOW_TASK = _UNFINISHED | {EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED, EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED}
