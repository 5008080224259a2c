"""Kafka subscriptions: which topic's records go to which handler."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, Field
from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.service import RPCError

from api.gateway import Gateway
from api.http.body import StrictBody
from api.http.openapi import EXECUTION_HEADERS, links
from api.http.problems import BODY_STATUSES, RETRY, Problem, conflict, not_found, responses
from api.invokers.invocation import execution_headers
from api.invokers.policies import RPC_TIMEOUT
from api.routes.events import add_subscription_events
from api.routes.parameters import SubscriptionId
from api.security.access import CurrentCaller, must_reach, needs
from clients.subscriptions import Consumers, consumers, start
from clients.temporal_errors import is_not_found
from domain.access import Role
from domain.checkpoint import Checkpoint
from domain.patterns import ENTITIES
from domain.payload import Payload
from domain.subscription import (
    SUBSCRIPTION,
    ConsumerProgress,
    Subscription,
    SubscriptionChange,
    SubscriptionOptions,
    SubscriptionRef,
    SubscriptionRequest,
    SubscriptionState,
    SubscriptionStatus,
    workflow_prefix,
)
from infra.kafka.clusters import KafkaClusters, check_subscription
from infra.kafka.deadlines import KafkaUnreachable
from workflows.search_attributes import PATTERN
from workflows.subscription import SubscriptionWorkflow

_RUNNING = f"{PATTERN.name} = '{SUBSCRIPTION.name}' AND ExecutionStatus = 'Running'"

SUBSCRIPTION_LINKS = ("readSubscription", "changeSubscription", "deleteSubscription", "listDeadLetters", "redrive")

SUBSCRIBED: dict[str, Any] = {
    "description": "The subscription, new or found.",
    "headers": {"Location": {"schema": {"type": "string"}}, **EXECUTION_HEADERS},
    "links": links("subscription_id", "$response.body#/id", SUBSCRIPTION_LINKS),
}


class SubscriptionView(Payload):
    """A subscription, and the progress of its consumers."""

    id: str
    source: str
    sink: str
    options: SubscriptionOptions
    status: SubscriptionStatus
    last_error: Annotated[str | None, Field(description="Why it failed, or why a consumer does not move.")]
    since: Annotated[AwareDatetime | None, Field(description="Since when the last error has lasted.")]
    consumers: list[ConsumerProgress]
    web_ui: str


def router(gateway: Gateway) -> APIRouter:
    routes = APIRouter(prefix="/subscriptions", tags=["Subscriptions"])
    clusters = KafkaClusters(gateway.settings.kafka_clusters)
    sinks = {service: list(entity.handlers) for service, entity in ENTITIES.items()}
    operators = needs(Role.OPERATOR)

    async def reachable(subscription_id: SubscriptionId, caller: CurrentCaller) -> SubscriptionRef:
        """Raises `Problem` 403 if it belongs to a service that the caller may not reach, 404."""
        ref = SubscriptionRef(caller.tenant, subscription_id)
        if caller.services is not None:
            must_reach(caller, (await read_state(gateway.client, ref)).subscription.service)
        return ref

    async def view(ref: SubscriptionRef) -> SubscriptionView:
        state = await read_state(gateway.client, ref)
        with _known(ref):
            running = await consumers(gateway.client, ref)
        return _as_view(state, running, gateway.web_ui.workflow(ref.workflow_id))

    Reachable = Annotated[SubscriptionRef, Depends(reachable)]  # noqa: N806, a type

    @routes.post(
        "",
        dependencies=operators,
        status_code=201,
        response_model=SubscriptionView,
        operation_id="subscribe",
        responses={**responses(*BODY_STATUSES, 409, 503), 201: SUBSCRIBED},
    )
    async def subscribe(
        request: Annotated[SubscriptionRequest, Depends(StrictBody(SubscriptionRequest))], caller: CurrentCaller
    ) -> JSONResponse:
        """Deliver a topic's records to a handler. Repeating the request returns the first; other options are a 409."""
        subscription = request.subscription(caller.tenant)
        must_reach(caller, subscription.service)
        try:
            await check_subscription(subscription, clusters, gateway.settings.kafka_allowed, sinks)
            checkpoint = await _first_checkpoint(clusters, subscription, gateway.settings.kafka_epoch)
        except KafkaUnreachable as error:
            raise Problem(503, "kafka-unavailable", str(error), headers=RETRY) from None
        if subscription.options.group_id:
            await _check_group_is_free(gateway.client, subscription)
        await start(gateway.client, subscription, checkpoint)
        shown = await view(subscription.ref)
        if shown.status is SubscriptionStatus.DELETED:
            detail = f"Subscription {shown.id} was deleted and is still draining: try again in a few seconds."
            raise Problem(409, "deleting", detail, id=shown.id)
        if shown.options != subscription.options:
            detail = f"Subscription {shown.id} exists with other options: delete it first, or use its options."
            raise conflict(detail, id=shown.id)
        about = execution_headers(subscription.ref.workflow_id, shown.web_ui)
        headers = {"Location": f"/subscriptions/{shown.id}", **about}
        return JSONResponse(shown.model_dump(mode="json", by_alias=True), 201, headers)

    @routes.get("", dependencies=operators, operation_id="listSubscriptions", responses=responses(503))
    async def list_subscriptions(caller: CurrentCaller) -> list[SubscriptionView]:
        """Every subscription that is not deleted."""
        return [
            shown
            for shown in [await view(ref) async for ref in running_subscriptions(gateway.client, caller.tenant)]
            if shown.status is not SubscriptionStatus.DELETED and caller.may_reach(urlsplit(shown.sink).netloc)
        ]

    @routes.get(
        "/{subscription_id}",
        dependencies=operators,
        operation_id="readSubscription",
        responses=responses(404, 422, 503),
    )
    async def read(ref: Reachable) -> SubscriptionView:
        """Status, last error, and for each partition the committed offset and how many records wait."""
        return await view(ref)

    add_subscription_events(routes, gateway, reachable, view)

    @routes.patch(
        "/{subscription_id}",
        dependencies=operators,
        operation_id="changeSubscription",
        responses=responses(*BODY_STATUSES, 404, 503),
    )
    async def change(
        ref: Reachable,
        change: Annotated[SubscriptionChange, Depends(StrictBody(SubscriptionChange))],
    ) -> SubscriptionView:
        """Pause or resume."""
        update = SubscriptionWorkflow.pause if change.status == "PAUSED" else SubscriptionWorkflow.resume
        with _known(ref):
            await _handle(gateway.client, ref).execute_update(update, rpc_timeout=RPC_TIMEOUT)
        return await view(ref)

    @routes.delete(
        "/{subscription_id}",
        dependencies=operators,
        status_code=202,
        operation_id="deleteSubscription",
        responses=responses(404, 422, 503),
    )
    async def delete(ref: Reachable) -> SubscriptionView:
        """Drain the consumers, then end. The group keeps its offsets, and a new subscription continues from them."""
        with _known(ref):
            await _handle(gateway.client, ref).execute_update(SubscriptionWorkflow.delete, rpc_timeout=RPC_TIMEOUT)
        return await view(ref)

    return routes


def _handle(client: Client, ref: SubscriptionRef) -> WorkflowHandle[SubscriptionWorkflow, SubscriptionState]:
    return client.get_workflow_handle_for(SubscriptionWorkflow.run, ref.workflow_id)


async def read_state(client: Client, ref: SubscriptionRef) -> SubscriptionState:
    """Ask the subscription's workflow. Raises `Problem` 404 if there is none."""
    with _known(ref):
        return await _handle(client, ref).query(SubscriptionWorkflow.state, rpc_timeout=RPC_TIMEOUT)


@contextmanager
def _known(ref: SubscriptionRef) -> Iterator[None]:
    """Raises `Problem` 404 if the subscription does not exist, or was deleted."""
    try:
        yield
    except WorkflowUpdateFailedError:
        raise not_found(f"Subscription {ref.id}") from None
    except RPCError as error:
        if is_not_found(error):
            raise not_found(f"Subscription {ref.id}") from None
        raise


async def running_subscriptions(client: Client, tenant: str) -> AsyncIterator[SubscriptionRef]:
    prefix = workflow_prefix(tenant)
    query = f"{_RUNNING} AND WorkflowId STARTS_WITH '{prefix}'"
    async for execution in client.list_workflows(query, rpc_timeout=RPC_TIMEOUT):
        yield SubscriptionRef(tenant, execution.id.removeprefix(prefix))


async def _first_checkpoint(
    clusters: KafkaClusters, subscription: Subscription, epoch: str | None
) -> Checkpoint | None:
    """With `latest`, a subscription begins with the first record after the request."""
    if subscription.options.auto_offset_reset == "earliest":
        return None
    return await clusters.checkpoint_at_ends(subscription.cluster, subscription.topic, epoch)


async def _check_group_is_free(client: Client, subscription: Subscription) -> None:
    """Two subscriptions of one group would each commit offsets of records that only the other has delivered.

    A group of one tenant is never that of another.
    """
    async for ref in running_subscriptions(client, subscription.tenant):
        other = (await read_state(client, ref)).subscription
        if other.id != subscription.id and other.offsets == subscription.offsets:
            detail = f"Subscription {other.id} keeps its offsets under this group.id: choose another one."
            raise conflict(detail, id=other.id)


def _as_view(state: SubscriptionState, running: Consumers, web_ui: str) -> SubscriptionView:
    s: Subscription = state.subscription
    stall = state.stall or running.not_started
    return SubscriptionView(
        id=s.id,
        source=f"kafka://{s.cluster}/{s.topic}",
        sink=f"service://{s.service}/{s.handler}",
        options=s.options,
        status=state.status,
        last_error=stall.reason if stall else None,
        since=stall.since if stall else None,
        consumers=running.progress,
        web_ui=web_ui,
    )
