"""An entity service: one workflow per key, which receives messages as signals.

Each entity's file exports its row: which handlers it has, which signal carries each, and what starts it. The
gateway, the Kafka ingress and the delayed deliveries all send through `Entity`, so a message means the
same wherever it comes from.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from domain.inbox import Batch
from domain.patterns import Pattern
from domain.payload import Payload
from workflows.backpressure import Backpressure
from workflows.search_attributes import attributes

SEND_TIMEOUT = timedelta(seconds=10)
"""A signal to an entity that is just completing waits about a second; ten leave room for a busy server."""

RECEIPT_QUERY = "receipt"
"""Every entity answers it: what became of the message with this ID, a `Receipt` or None."""


@dataclass(frozen=True)
class Handler:
    """What a service does with one kind of message."""

    signal: str
    body: type[Payload]
    outcome: type[Payload]


@dataclass(frozen=True)
class Entity:
    """A service whose keys are workflows."""

    pattern: Pattern
    workflow: str
    handlers: Mapping[str, Handler]
    start_input: Callable[[str], Payload]
    """The workflow's argument for a key that is new."""
    state: type[Payload] | None = None
    """What the workflow's query `state` returns, for `GET /{Service}/{key}`; None if the service shows another view."""
    backpressure: Backpressure = field(default_factory=Backpressure)

    async def send(self, client: Client, key: str, handler: str, batch: Batch[Any]) -> None:
        """Signal the key's workflow, started if there is none. Durable once it returns.

        Raises `RPCError` when Temporal refuses or is away, `KeyBusy` when the key has enough to do, `InvalidKey`.
        """
        await self.backpressure.admit(client, self.pattern.execution_id(key), batch)
        await client.start_workflow(
            self.workflow,
            self.start_input(key),
            id=self.pattern.execution_id(key),
            task_queue=self.pattern.task_queue,
            start_signal=self.handlers[handler].signal,
            start_signal_args=[batch],
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            search_attributes=attributes(self.pattern, key),
            static_summary=f"{self.pattern.service} {key}",
            rpc_timeout=SEND_TIMEOUT,
        )
