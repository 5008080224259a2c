"""Sends messages to entities, whose keys are workflows that receive them as signals.

The gateway, the Kafka ingress and the delayed messages all send through `EntityClient`, so a message means the same
wherever it comes from.
"""

from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from clients.backpressure import Backpressure
from domain.access import owned
from domain.inbox import Batch
from domain.pattern import Entity
from domain.plans import Plans
from infra.tracing import spans
from workflows.policies import TASK_TIMEOUT
from workflows.search_attributes import attributes

SEND_TIMEOUT = timedelta(seconds=10)
"""A signal to an entity that is just completing waits about a second; ten seconds leave room for a busy server."""

RECEIPTS_QUERY = "receipts"
"""The query that every entity answers: by ID the `Receipt` of each of these messages that it has one of."""


class EntityClient:
    """Sends to any key of any entity. One per process, because it counts what it sends to each key."""

    def __init__(self, client: Client, plans: Plans) -> None:
        """New keys start with `plans`."""
        self._client = client
        self._plans = plans
        self._backpressure = Backpressure(client)

    async def send(self, entity: Entity, key: str, handler: str, batch: Batch[Any]) -> None:
        """Signal the key's workflow, and start it if it does not run. The batch is durable once this returns.

        Raises `RPCError` when Temporal refuses or is unavailable, `KeyBusy` when too many messages wait for the
        key, and `InvalidKey`.
        """
        workflow_id = entity.execution_id(key)
        await self._backpressure.admit(workflow_id, batch)
        with spans.span(f"SignalWithStartWorkflow:{entity.service}", "CLIENT"):
            await self._client.start_workflow(
                entity.service,
                entity.start_input(owned(entity.tenant, key), self._plans),
                id=workflow_id,
                task_queue=entity.task_queue,
                task_timeout=TASK_TIMEOUT,
                start_signal=entity.handlers[handler].signal,
                start_signal_args=[batch.traced(spans.current())],
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                search_attributes=attributes(entity, key, entity.handlers[handler].first_status),
                static_summary=f"{entity.service} {key}",
                rpc_timeout=SEND_TIMEOUT,
            )
