"""How large the histories of executions became."""

from dataclasses import dataclass

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client


@dataclass(frozen=True)
class Histories:
    """The runs of some executions, each figure of the run that has most of it."""

    runs: int = 0
    events: int = 0
    bytes: int = 0
    signals: int = 0
    carried_bytes: int = 0
    """What a run handed to the next."""


async def histories_of(client: Client, *workflow_ids: str) -> Histories:
    """Look at every run of these executions."""
    found = Histories()
    for workflow_id in workflow_ids:
        first = (await client.get_workflow_handle(workflow_id).fetch_history()).events[0]
        run_id = first.workflow_execution_started_event_attributes.first_execution_run_id
        while run_id:
            found, run_id = await _with_run(client, found, workflow_id, run_id)
    return found


async def _with_run(client: Client, found: Histories, workflow_id: str, run_id: str) -> tuple[Histories, str]:
    handle = client.get_workflow_handle(workflow_id, run_id=run_id)
    events = (await handle.fetch_history()).events
    signals = sum(e.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED for e in events)
    continued = events[-1].workflow_execution_continued_as_new_event_attributes
    size = (await handle.describe()).raw_description.workflow_execution_info.history_size_bytes
    return Histories(
        runs=found.runs + 1,
        events=max(found.events, len(events)),
        bytes=max(found.bytes, size),
        signals=max(found.signals, signals),
        carried_bytes=max(found.carried_bytes, continued.input.ByteSize()),
    ), continued.new_execution_run_id
