"""Senders wait before a key's workflow has more messages than it can handle.

Temporal allows 10,000 signals, 51,200 events or 50 MiB in one run. It terminates a run with more bytes, and the run's
messages are lost. Long before that, the unread messages are too many for one workflow task, which has two seconds. So
each sender checks a key's run after every 500 messages or 512 KiB that it sent to the key, and sends nothing more while
the run is full.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from domain.inbox import Batch
from domain.payload import encoded_bytes
from workflows.search_attributes import STATUS
from workflows.status import FULL

CHECK_AFTER_MESSAGES = 500
CHECK_AFTER_BYTES = 512 * 1024
KEYS_REMEMBERED = 10_000
FULL_EVENTS = 5_000
FULL_BYTES = 8 * 1024 * 1024
UNREAD_BYTES = 256 * 1024
"""Beyond this size of a run, a sender waits until the workflow has read its messages. This is the size of some 2,000
small messages; a workflow reads 3,000 to 7,000 per second."""
PATIENCE_SECONDS = (0.0, 0.05, 0.1, 0.2, 0.4)
"""The pauses before each check of a run: within them, a healthy workflow reads its messages."""
DESCRIBE_TIMEOUT = timedelta(seconds=5)


class KeyBusy(Exception):
    """Too many messages wait for a key's workflow: the message was not sent, try again later."""


@dataclass
class Backpressure:
    """Counts what this process sent to each key since it last checked the key's run."""

    client: Client
    _sent: OrderedDict[str, tuple[int, int]] = field(default_factory=OrderedDict)

    async def admit(self, workflow_id: str, batch: Batch[Any]) -> None:
        """Return if `batch` may be sent. Raises `KeyBusy`, `RPCError`."""
        messages, size = self._sent.pop(workflow_id, (0, 0))
        messages, size = messages + len(batch.messages), size + encoded_bytes(batch)
        self._sent[workflow_id] = (messages, size)
        if len(self._sent) > KEYS_REMEMBERED:
            self._sent.popitem(last=False)
        if messages >= CHECK_AFTER_MESSAGES or size >= CHECK_AFTER_BYTES:
            await _until_not_full(self.client, workflow_id)
            self._sent.pop(workflow_id, None)


async def _until_not_full(client: Client, workflow_id: str) -> None:
    for pause in PATIENCE_SECONDS:
        await asyncio.sleep(pause)
        if not await _is_full(client, workflow_id):
            return
    raise KeyBusy(f"Too many messages wait for {workflow_id}: nothing was sent, try again later.")


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
    is_unread = run.raw_description.HasField("pending_workflow_task")
    return (
        run.typed_search_attributes.get(STATUS) == FULL
        or run.history_length > FULL_EVENTS
        or info.history_size_bytes > (UNREAD_BYTES if is_unread else FULL_BYTES)
    )
