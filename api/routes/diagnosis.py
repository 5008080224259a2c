"""`GET /diagnosis`: whether workers, Kafka clusters and topics are there, for operators and `patterns doctor`.

What calls need besides, Temporal and the database, is in `/ready`.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field
from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.service import RPCError

from api.gateway import Gateway
from api.http.failures import temporal_problem
from api.http.problems import Problem, responses
from api.routes.subscriptions import read_state, running_subscriptions
from api.security.access import CurrentCaller, needs
from clients.polls import ACTIVITIES, WORKFLOWS, Polled, pollers_of
from domain.access import Caller, Role
from domain.delivery import DELIVERY_QUEUE
from domain.errors import Refusal
from domain.message_queue import MESSAGE_QUEUE
from domain.patterns import PATTERNS
from domain.payload import Payload
from domain.subscription import SUBSCRIPTION
from domain.version import VERSION, version_of
from infra.kafka.clusters import KafkaClusters
from infra.kafka.deadlines import Deadlines, KafkaUnreachable

RPC_PATIENCE = timedelta(seconds=5)
KAFKA_DEADLINES = Deadlines(start=5.0)
MAX_TOPICS = 50
"""Subscriptions whose topics are looked for."""


class Part(StrEnum):
    TASK_QUEUE = "task queue"
    WORKERS = "workers"
    KAFKA_CLUSTER = "kafka cluster"
    TOPIC = "topic"


class State(StrEnum):
    OK = "ok"
    NO_WORKER = "has no worker"
    OTHER_VERSION = "have another version"
    UNANSWERED = "does not answer"
    REFUSED = "refuses access"
    MISSING = "does not exist"
    UNKNOWN = "cannot be asked"


class Check(Payload):
    """One part of the system, and what is wrong with it."""

    part: Part
    name: str
    state: State
    detail: Annotated[str | None, Field(description="Which processes, or why.")] = None


class Diagnosis(Payload):
    """What the gateway finds, now."""

    version: str
    checks: list[Check]


def router(gateway: Gateway) -> APIRouter:
    routes = APIRouter(tags=["Operations"])
    clusters = KafkaClusters(gateway.settings.kafka_clusters, KAFKA_DEADLINES)

    @routes.get("/diagnosis", dependencies=needs(Role.OPERATOR), operation_id="diagnose", responses=responses(503))
    async def diagnose(caller: CurrentCaller) -> Diagnosis:
        """Whether workers poll each task queue, with this version, and Kafka has the clusters and topics."""
        found = await asyncio.gather(
            _workers(gateway.client),
            *(_cluster(clusters, name) for name in sorted(gateway.settings.kafka_clusters)),
            _topics(gateway.client, clusters, caller),
        )
        return Diagnosis(version=VERSION, checks=[check for checks in found for check in checks])

    return routes


def queues() -> list[Polled]:
    """Each task queue, and the tasks without which it stands still."""
    activities = {MESSAGE_QUEUE.task_queue, DELIVERY_QUEUE}
    names = [*(each.task_queue for each in PATTERNS), DELIVERY_QUEUE, SUBSCRIPTION.task_queue]
    return [Polled(name, ACTIVITIES if name in activities else WORKFLOWS) for name in names]


async def _workers(client: Client) -> list[Check]:
    """Who polls each queue, and which of them run other code than the gateway."""
    checks: list[Check] = []
    others: set[str] = set()
    for polled in queues():
        try:
            identities = await pollers_of(client, polled, RPC_PATIENCE)
        except RPCError as error:
            why = temporal_problem(error).detail
            return [*checks, Check(part=Part.TASK_QUEUE, name="all", state=State.UNKNOWN, detail=why)]
        others |= {identity for identity in identities if version_of(identity) != VERSION}
        state = State.OK if identities else State.NO_WORKER
        detail = f"{len(identities)} worker processes" if identities else None
        checks.append(Check(part=Part.TASK_QUEUE, name=polled.queue, state=state, detail=detail))
    if others:
        detail = f"This gateway has {VERSION}, these have not: {', '.join(sorted(others))}."
        checks.append(Check(part=Part.WORKERS, name="versions", state=State.OTHER_VERSION, detail=detail))
    return checks


async def _cluster(clusters: KafkaClusters, name: str) -> list[Check]:
    return [await _check(Part.KAFKA_CLUSTER, name, clusters.check(name))]


async def _topics(client: Client, clusters: KafkaClusters, caller: Caller) -> list[Check]:
    """The source topics of the caller's subscriptions: none if Temporal, or the worker, does not say which."""
    topics: dict[tuple[str, str], None] = {}
    with suppress(Problem, RPCError, WorkflowQueryFailedError):
        async for ref in running_subscriptions(client, caller.tenant):
            subscription = (await read_state(client, ref)).subscription
            if caller.may_reach(subscription.service):
                topics[subscription.cluster, subscription.topic] = None
            if len(topics) == MAX_TOPICS:
                break
    return [await _check(Part.TOPIC, f"{each[0]}/{each[1]}", _must_exist(clusters, *each)) for each in topics]


class _Missing(Exception):
    """The cluster has no such topic."""


async def _must_exist(clusters: KafkaClusters, cluster: str, topic: str) -> None:
    if await clusters.topic(cluster, topic) is None:
        raise _Missing


async def _check(part: Part, name: str, question: Awaitable[None]) -> Check:
    try:
        await question
    except _Missing:
        return Check(part=part, name=name, state=State.MISSING)
    except KafkaUnreachable as unreachable:
        return Check(part=part, name=name, state=State.UNANSWERED, detail=str(unreachable))
    except Refusal as refusal:
        return Check(part=part, name=name, state=State.REFUSED, detail=str(refusal))
    return Check(part=part, name=name, state=State.OK)
