"""The dead letters of a subscription: read them, and send their records back once the cause is mended."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field, model_validator
from temporalio.service import RPCError, RPCStatusCode

from api.gateway import Gateway
from api.http.body import StrictBody
from api.http.problems import BODY_STATUSES, RETRY, Problem, not_found, responses
from api.invokers.policies import RPC_TIMEOUT
from domain.dead_letter import KIND, REASON, STAGE, TIME, VALUE_OMITTED, DeadLetter
from domain.payload import Payload
from domain.subscription import Subscription, SubscriptionState, SubscriptionStatus, workflow_id
from infra.dead_letters import DeadLetters, Place, UnknownDeadLetter
from infra.kafka import KafkaClusters
from infra.kafka_deadlines import KafkaUnreachable
from workflows.subscription import SubscriptionWorkflow

MOST_SHOWN_CHARACTERS = 10_000
_MOST_BYTES = 4 * MOST_SHOWN_CHARACTERS
MAX_OFFSET = 2**63 - 1

Offset = Annotated[int, Field(ge=0, le=MAX_OFFSET)]
Partition = Annotated[int, Field(ge=0, le=2**31 - 1)]


class Coordinates(Payload):
    """Where the record was first."""

    topic: str
    partition: int
    offset: int


class DeadLetterView(Payload):
    """A dead letter. `partition` and `offset` are its own, in the dead-letter topic."""

    partition: int
    offset: int
    source: Coordinates
    kind: str
    reason: str
    stage: str
    time: str
    attempts: int
    key: str | None
    key_is_base64: bool
    value: str | None
    value_is_base64: bool
    value_is_cut: bool
    """There is more than 10,000 characters, or the dead-letter topic did not take it."""
    value_bytes: int


class NextPage(Payload):
    """What to ask for next."""

    partition: int
    after: int


class DeadLetterPage(Payload):
    """Letters of one partition after the other, each newest last. `next` is null at the end."""

    dead_letters: list[DeadLetterView]
    next: NextPage | None


class RedriveRequest(Payload):
    """One letter by its own coordinates, or all that wait."""

    partition: Partition | None = None
    offset: Offset | None = None
    all: Literal[True] | None = None

    @model_validator(mode="after")
    def _is_one_or_all(self) -> "RedriveRequest":
        given = {self.partition is not None, self.offset is not None}
        if given != {self.all is None}:
            raise ValueError('write {"partition": 0, "offset": 17} or {"all": true}')
        return self


class RedriveOutcome(Payload):
    """How many records were sent back. `remaining` means that there are more: ask again."""

    redriven: int
    already_redriven: int
    without_value: int
    remaining: bool


def router(gateway: Gateway) -> APIRouter:
    routes = APIRouter(prefix="/subscriptions/{subscription_id}/deadLetters", tags=["Subscriptions"])
    dead_letters = DeadLetters(KafkaClusters(gateway.settings.kafka_clusters))

    async def known_subscription(subscription_id: Annotated[str, Path(max_length=200)]) -> SubscriptionState:
        handle = gateway.client.get_workflow_handle_for(SubscriptionWorkflow.run, workflow_id(subscription_id))
        try:
            return await handle.query(SubscriptionWorkflow.state, rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise not_found(f"Subscription {subscription_id}") from None
            raise

    @routes.get("", operation_id="listDeadLetters", responses=responses(404, 422, 503))
    async def list_dead_letters(
        known: Annotated[SubscriptionState, Depends(known_subscription)],
        partition: Annotated[int, Query(ge=0, le=2**31 - 1, description="Begin with this one.")] = 0,
        after: Annotated[int, Query(ge=-1, le=MAX_OFFSET, description="Begin behind this offset of it.")] = -1,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> DeadLetterPage:
        """The records that this subscription could not deliver, and that were not sent back since; newest last."""
        async with _problems():
            page = await dead_letters.page(known.subscription, Place(partition, after), limit)
        return DeadLetterPage(
            dead_letters=[_as_view(letter, known.subscription) for letter in page.letters],
            next=NextPage(partition=page.next.partition, after=page.next.after) if page.next else None,
        )

    @routes.post(
        "/redrive",
        status_code=202,
        operation_id="redrive",
        responses=responses(*BODY_STATUSES, 404, 409, 503),
    )
    async def redrive(
        known: Annotated[SubscriptionState, Depends(known_subscription)],
        request: Annotated[RedriveRequest, Depends(StrictBody(RedriveRequest))],
    ) -> RedriveOutcome:
        """Send records back to their topic, where they come after what is there. Each is applied once."""
        if known.status is SubscriptionStatus.DELETED:
            raise Problem(409, "subscription-deleted", "The subscription is deleted: nobody would read the records.")
        async with _problems():
            if request.partition is None or request.offset is None:
                outcome = await dead_letters.redrive_all(known.subscription)
            else:
                outcome = await dead_letters.redrive_one(known.subscription, request.partition, request.offset)
        return RedriveOutcome(
            redriven=outcome.redriven,
            already_redriven=outcome.already_redriven,
            without_value=outcome.without_value,
            remaining=outcome.remaining,
        )

    return routes


@asynccontextmanager
async def _problems() -> AsyncIterator[None]:
    try:
        yield
    except UnknownDeadLetter as error:
        raise Problem(404, "not-found", str(error)) from None
    except KafkaUnreachable as error:
        raise Problem(503, "kafka-unavailable", str(error), headers=RETRY) from None


def _as_view(letter: DeadLetter, subscription: Subscription) -> DeadLetterView:
    key, key_is_base64, _ = _shown(letter.key)
    value, value_is_base64, value_is_cut = _shown(letter.value)
    return DeadLetterView(
        partition=letter.partition,
        offset=letter.offset,
        source=Coordinates(topic=subscription.topic, partition=letter.source_partition, offset=letter.source_offset),
        kind=letter.said.get(KIND, ""),
        reason=letter.said.get(REASON, ""),
        stage=letter.said.get(STAGE, ""),
        time=letter.said.get(TIME, ""),
        attempts=letter.attempts,
        key=key,
        key_is_base64=key_is_base64,
        value=value,
        value_is_base64=value_is_base64,
        value_is_cut=value_is_cut or VALUE_OMITTED in letter.said,
        value_bytes=len(letter.value or b""),
    )


def _shown(raw: bytes | None) -> tuple[str | None, bool, bool]:
    """As text, whether that is base64, and whether it was cut."""
    if raw is None:
        return None, False, False
    try:
        text, is_base64 = raw.decode(), False
    except UnicodeDecodeError:
        text, is_base64 = base64.b64encode(raw[:_MOST_BYTES]).decode(), True
    return text[:MOST_SHOWN_CHARACTERS], is_base64, len(text) > MOST_SHOWN_CHARACTERS
