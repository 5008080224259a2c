"""What histories say about the workflow tasks of a workflow, and about the records that a package got."""

import re
from collections import Counter
from collections.abc import Iterable

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

_NUMBER = re.compile(r"\d+")
LOST = {
    EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT: "workflow tasks timed out",
    EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED: "workflow tasks handed back",
}


async def events_of(client: Client, workflow_id: str) -> list[HistoryEvent]:
    """The events of the latest run; none if there is no such workflow yet."""
    try:
        return list((await client.get_workflow_handle(workflow_id).fetch_history()).events)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return []
        raise


async def applied_at(client: Client, package_id: str) -> dict[int, float]:
    """When each record was applied (Unix time), by the number in its location: the end of the first workflow task after
    its first signal."""
    pending: list[int] = []
    applied: dict[int, float] = {}
    for event in await events_of(client, package_id):
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
            payloads = event.workflow_execution_signaled_event_attributes.input.payloads
            (batch,) = await client.data_converter.decode(list(payloads))
            pending += [_number(message["body"]["location"]) for message in batch["messages"]]
        elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            for number in pending:
                applied.setdefault(number, event.event_time.ToMicroseconds() / 1e6)
            pending.clear()
    return applied


async def count_lost_tasks(client: Client, workflow_ids: Iterable[str]) -> Counter[str]:
    """How many workflow tasks these workflows had to repeat, by what `LOST` says."""
    found = Counter[str]()
    for workflow_id in workflow_ids:
        found.update(LOST[each.event_type] for each in await events_of(client, workflow_id) if each.event_type in LOST)
    return found


def _number(text: str) -> int:
    match = _NUMBER.search(text)
    assert match is not None, text
    return int(match.group())
