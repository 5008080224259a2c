"""Senders stop before a key's workflow has more than it can take.

Temporal takes 10,000 signals, 51,200 events or 50 MiB in one run, and ends a run with more bytes than that, with all
that it had received. So each sender looks at a key's run after every 500 messages or half a mebibyte that it
sent to it, and sends nothing more while the run is full. A run that works well is far from it: it
continues as new after 4,096 events or 4 MiB.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionResponse
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from domain.inbox import Batch
from domain.payload import encoded_bytes
from workflows.search_attributes import STATUS

LOOK_AFTER_MESSAGES = 500
LOOK_AFTER_BYTES = 512 * 1024
KEYS_REMEMBERED = 10_000
FULL = "FULL"
"""The status of an entity that says so itself."""
FULL_EVENTS = 5_000
FULL_BYTES = 8 * 1024 * 1024
UNREAD_BYTES = 1024 * 1024
"""What may lie in a run that no worker reads: it comes to the workflow all at once."""
READ_WITHIN = timedelta(seconds=1)
DESCRIBE_TIMEOUT = timedelta(seconds=5)


class KeyBusy(Exception):
    """More messages wait for a key than its workflow can take: the message was not sent, try again later."""


@dataclass
class Backpressure:
    """What one process sent to each key since it last looked."""

    _sent: OrderedDict[str, tuple[int, int]] = field(default_factory=OrderedDict)

    async def admit(self, client: Client, workflow_id: str, batch: Batch[Any]) -> None:
        """Return if `batch` may be sent. Raises `KeyBusy`, `RPCError`."""
        messages, size = self._sent.pop(workflow_id, (0, 0))
        messages, size = messages + len(batch.messages), size + encoded_bytes(batch)
        self._sent[workflow_id] = (messages, size)
        if len(self._sent) > KEYS_REMEMBERED:
            self._sent.popitem(last=False)
        if messages >= LOOK_AFTER_MESSAGES or size >= LOOK_AFTER_BYTES:
            if await _is_full(client, workflow_id):
                raise KeyBusy(f"More messages wait for {workflow_id} than it can take.")
            self._sent.pop(workflow_id, None)


async def _is_full(client: Client, workflow_id: str) -> bool:
    try:
        run = await client.get_workflow_handle(workflow_id).describe(rpc_timeout=DESCRIBE_TIMEOUT)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    if run.status is not WorkflowExecutionStatus.RUNNING:
        return False
    info = run.raw_description.workflow_execution_info
    return (
        run.typed_search_attributes.get(STATUS) == FULL
        or run.history_length > FULL_EVENTS
        or info.history_size_bytes > (UNREAD_BYTES if _is_unread(run.raw_description) else FULL_BYTES)
    )


def _is_unread(run: DescribeWorkflowExecutionResponse) -> bool:
    """Whether a workflow task has waited for a worker for a while."""
    if not run.HasField("pending_workflow_task"):
        return False
    return datetime.now(UTC) - run.pending_workflow_task.original_scheduled_time.ToDatetime(UTC) > READ_WITHIN
