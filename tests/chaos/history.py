"""What happened to a unit, a line each: its workflow's events in order, or its activity's description."""

from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client
from temporalio.service import RPCError

from tests.chaos.model import Task, Unit

LAST_EVENTS = 60


async def history(client: Client, unit: Unit) -> list[str]:
    """The last events, each with the seconds since the first."""
    try:
        if isinstance(unit, Task):
            return await _of_activity(client, unit.execution_id)
        return await _of_workflow(client, unit.execution_id)
    except RPCError as error:
        return [f"{unit.execution_id}: {error.message}"]


async def has_local_steps(client: Client, unit: Unit) -> bool:
    """Whether the latest run of its workflow has."""
    if isinstance(unit, Task):
        return False
    events = (await client.get_workflow_handle(unit.execution_id).fetch_history()).events
    return any(event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED for event in events)


async def _of_activity(client: Client, activity_id: str) -> list[str]:
    described = await client.get_activity_handle(activity_id).describe(include_last_failure=True)
    return [
        f"activity {activity_id}: {described.status.name}, {described.attempt} attempts, "
        f"scheduled {described.schedule_time}, closed {described.close_time}",
        f"last failure: {await described.last_failure()}",
    ]


async def _of_workflow(client: Client, workflow_id: str) -> list[str]:
    events = list((await client.get_workflow_handle(workflow_id).fetch_history()).events)
    began = events[0].event_time.ToDatetime()
    lines = [
        f"{(event.event_time.ToDatetime() - began).total_seconds():8.2f} s  {await _summary(client, event)}"
        for event in events[-LAST_EVENTS:]
    ]
    return [f"workflow {workflow_id}, the last {len(lines)} of {len(events)} events:", *lines]


async def _summary(client: Client, event: HistoryEvent) -> str:
    attributes: Any = getattr(event, str(event.WhichOneof("attributes")))
    name = EventType.Name(event.event_type).removeprefix("EVENT_TYPE_")
    details = [
        attributes.activity_type.name if hasattr(attributes, "activity_type") else "",
        getattr(attributes, "signal_name", ""),
        str(await client.data_converter.decode_failure(attributes.failure)) if hasattr(attributes, "failure") else "",
    ]
    return " ".join([name, *filter(None, details)])
