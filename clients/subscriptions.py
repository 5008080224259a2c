"""Starts the workflows of subscriptions, reads the progress of their consumers, and passes their reports on."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import Client, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from domain.checkpoint import Checkpoint
from domain.subscription import (
    SUBSCRIPTION,
    ConsumerProgress,
    ConsumerReport,
    Stall,
    Subscription,
    SubscriptionInput,
    SubscriptionRef,
    SubscriptionState,
)
from workflows.policies import TASK_TIMEOUT
from workflows.search_attributes import attributes
from workflows.subscription import SubscriptionWorkflow

REPORT_TIMEOUT = timedelta(seconds=5)
DESCRIBE_TIMEOUT = timedelta(seconds=5)
MAX_WAIT = timedelta(seconds=5)
"""For a consumer to be started, until that counts as a stall."""


async def start(
    client: Client, subscription: Subscription, checkpoint: Checkpoint | None = None
) -> WorkflowHandle[SubscriptionWorkflow, SubscriptionState]:
    """Start the subscription's workflow, or find the one that runs already (with the options it has).

    A new one begins at `checkpoint`, unless its group has offsets. One that failed is resumed: the caller has just
    found its topic.
    """
    return await client.start_workflow(
        SubscriptionWorkflow.run,
        SubscriptionInput(subscription=subscription, checkpoint=checkpoint),
        id=subscription.ref.workflow_id,
        start_signal="subscribed",
        task_queue=SUBSCRIPTION.task_queue,
        task_timeout=TASK_TIMEOUT,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        search_attributes=attributes(SUBSCRIPTION, subscription.id, SUBSCRIPTION.first_status),
        static_summary=f"{subscription.cluster}/{subscription.topic} to {subscription.service}/{subscription.handler}",
    )


@dataclass(frozen=True)
class Consumers:
    """The last reports of the running consumers, and why one does not run at all."""

    progress: list[ConsumerProgress]
    not_started: Stall | None


async def consumers(client: Client, ref: SubscriptionRef) -> Consumers:
    """Ask Temporal. Raises `RPCError` (NOT_FOUND) if there is no subscription."""
    handle = client.get_workflow_handle(ref.workflow_id)
    description = await handle.describe(rpc_timeout=DESCRIBE_TIMEOUT)
    pending = description.raw_description.pending_activities
    reports: list[ConsumerProgress] = []
    for consumer in pending:
        if consumer.heartbeat_details.payloads:
            reports += await client.data_converter.decode(consumer.heartbeat_details.payloads, [ConsumerProgress])
    return Consumers(reports, _not_started(pending, datetime.now(UTC)))


def _not_started(pending: Iterable[PendingActivityInfo], now: datetime) -> Stall | None:
    """What only Temporal knows: a consumer waits for a worker, which all are busy or stopped."""
    for consumer in pending:
        due = consumer.scheduled_time.ToDatetime(UTC)
        if consumer.state == PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED and now - due > MAX_WAIT:
            reason = f"A consumer waits for a worker: start more workers of the pool {SUBSCRIPTION.task_queue}."
            return Stall(reason=reason, since=due)
    return None


class ConsumerReports:
    """Passes what consumers report to the workflows of their subscriptions."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def send(self, subscription: Subscription, report: ConsumerReport) -> None:
        """Raises `RPCError`."""
        handle = self._client.get_workflow_handle_for(SubscriptionWorkflow.run, subscription.ref.workflow_id)
        await handle.signal(SubscriptionWorkflow.consumer_reported, report, rpc_timeout=REPORT_TIMEOUT)
