"""How many events the histories of workflows have, and how large they became."""

from collections.abc import Iterable
from dataclasses import dataclass

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client


async def count_events(client: Client, workflow_ids: Iterable[str]) -> int:
    """All events of these workflows, in all their runs."""
    total = 0
    for workflow_id in workflow_ids:
        total += (await client.get_workflow_handle(workflow_id).describe()).history_length
        query = f"WorkflowId = '{workflow_id}' AND ExecutionStatus = 'ContinuedAsNew'"
        async for earlier_run in client.list_workflows(query):
            total += earlier_run.history_length
    return total


async def count_events_of_latest(client: Client, workflow_type: str) -> int:
    """The events of the workflow of this type that ended last; 0 if none has ended."""
    query = f"WorkflowType = '{workflow_type}' AND ExecutionStatus != 'Running'"
    async for execution in client.list_workflows(query, limit=1):
        return execution.history_length
    return 0


@dataclass(frozen=True)
class HistorySizes:
    """The largest figures of some workflows: each is the maximum over all their runs."""

    runs: int = 0
    events: int = 0
    bytes: int = 0
    signals: int = 0
    carried_bytes: int = 0
    """The input that a run handed to the next one."""


async def history_sizes(client: Client, *workflow_ids: str) -> HistorySizes:
    """Read every run of these workflows, from the first."""
    sizes = HistorySizes()
    for workflow_id in workflow_ids:
        first_event = (await client.get_workflow_handle(workflow_id).fetch_history()).events[0]
        run_id = first_event.workflow_execution_started_event_attributes.first_execution_run_id
        while run_id:
            sizes, run_id = await _with_run(client, sizes, workflow_id, run_id)
    return sizes


async def _with_run(client: Client, sizes: HistorySizes, workflow_id: str, run_id: str) -> tuple[HistorySizes, str]:
    """The sizes with this run, and the ID of the next run; an empty one if this is the last."""
    handle = client.get_workflow_handle(workflow_id, run_id=run_id)
    events = (await handle.fetch_history()).events
    signals = sum(event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED for event in events)
    continued = events[-1].workflow_execution_continued_as_new_event_attributes
    size = (await handle.describe()).raw_description.workflow_execution_info.history_size_bytes
    return HistorySizes(
        runs=sizes.runs + 1,
        events=max(sizes.events, len(events)),
        bytes=max(sizes.bytes, size),
        signals=max(sizes.signals, signals),
        carried_bytes=max(sizes.carried_bytes, continued.input.ByteSize()),
    ), continued.new_execution_run_id
