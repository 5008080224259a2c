"""Starts the workflows of subscriptions, and reads the progress of their consumers."""

from temporalio.client import Client, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from domain.subscription import (
    SUBSCRIPTION,
    ConsumerProgress,
    Subscription,
    SubscriptionInput,
    SubscriptionState,
    workflow_id,
)
from workflows.search_attributes import attributes
from workflows.subscription import SubscriptionWorkflow


async def start(client: Client, subscription: Subscription) -> WorkflowHandle[SubscriptionWorkflow, SubscriptionState]:
    """Start the subscription's workflow, or find the one that runs already (with the options it has).

    One that failed is resumed: the caller has just found or created its topic.
    """
    return await client.start_workflow(
        SubscriptionWorkflow.run,
        SubscriptionInput(subscription=subscription),
        id=workflow_id(subscription.id),
        start_signal="subscribed",
        task_queue=SUBSCRIPTION.task_queue,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        search_attributes=attributes(SUBSCRIPTION, subscription.id),
        static_summary=f"{subscription.cluster}/{subscription.topic} to {subscription.service}/{subscription.handler}",
    )


async def consumers_progress(client: Client, subscription_id: str) -> list[ConsumerProgress]:
    """Return the last reports of the running consumers. Raises `RPCError` (NOT_FOUND) if there is no subscription."""
    handle = client.get_workflow_handle(workflow_id(subscription_id))
    description = await handle.describe()
    reports: list[ConsumerProgress] = []
    for consumer in description.raw_description.pending_activities:
        if consumer.heartbeat_details.payloads:
            reports += await client.data_converter.decode(consumer.heartbeat_details.payloads, [ConsumerProgress])
    return reports
