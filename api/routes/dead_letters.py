"""The dead letters of a subscription: list them, and redrive their records once the cause is fixed."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from api.gateway import Gateway
from api.http.body import StrictBody
from api.http.problems import BODY_STATUSES, RETRY, Problem, responses
from api.invokers.bulk import MAX_SELECTED
from api.routes.parameters import Limit, SubscriptionId
from api.routes.selections import All, NamesOrOthers
from api.routes.subscriptions import read_state
from api.security.access import CurrentCaller, must_reach, needs
from domain.access import Role
from domain.allowed import check_allowed
from domain.dead_letter import DeadLetter
from domain.formats import DIGITS
from domain.payload import Payload
from domain.subscription import Subscription, SubscriptionRef, SubscriptionState, SubscriptionStatus
from infra.kafka.clusters import KafkaClusters
from infra.kafka.dead_letters import Cursor, DeadLetters, LetterOutcome, RedriveResult, UnknownDeadLetter
from infra.kafka.deadlines import KafkaUnreachable

MAX_SHOWN_CHARACTERS = 10_000
_MAX_SHOWN_BYTES = 4 * MAX_SHOWN_CHARACTERS
MAX_OFFSET = 2**63 - 1

Offset = Annotated[int, Field(ge=0, le=MAX_OFFSET)]
Partition = Annotated[int, Field(ge=0, le=2**31 - 1)]


class Coordinates(Payload):
    """The record's coordinates in the source topic."""

    topic: str
    partition: int
    offset: int


class DeadLetterView(Payload):
    """A dead letter. `partition` and `offset` are those of the letter, in the dead-letter topic."""

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
    """The value has more than 10,000 characters, or the dead-letter topic did not accept it."""
    value_bytes: int


class NextPage(Payload):
    """The query of the next page."""

    partition: int
    after: int


class SkippedView(Payload):
    """A record of the dead-letter topic that is no dead letter: it cannot be read, or lacks the headers of one."""

    partition: int
    offset: int
    reason: str


class DeadLetterPage(Payload):
    """Letters partition by partition, oldest first. `next` is null on the last page."""

    dead_letters: list[DeadLetterView]
    skipped: list[SkippedView]
    """Records among the letters that are none, at most 50 for each partition. A redrive skips them too."""
    next: NextPage | None


class LetterPlace(Payload):
    """Where a letter is in the dead-letter topic."""

    partition: Partition
    offset: Offset


class RedriveRequest(NamesOrOthers):
    """Letters by their coordinates in the dead-letter topic, or all that were not redriven."""

    NAMES = "letters"

    letters: Annotated[list[LetterPlace] | None, Field(min_length=1, max_length=MAX_SELECTED)] = None
    all: All = None


class RedrivenLetterView(Payload):
    """A letter by its coordinates in the dead-letter topic, and what became of it."""

    partition: int
    offset: int
    outcome: LetterOutcome
    reason: Annotated[str | None, Field(description="Why its topic refuses it; the log has more.")]


class RedriveOutcome(Payload):
    """How many records were sent back to their topic. If `remaining` is true there are more: repeat the request."""

    redriven: int
    already_redriven: int
    without_value: int
    """Letters that lack what the dead-letter topic refused: their records cannot be redriven."""
    refused: int
    """Records that their topic refuses, as too large for example: they stay pending, and the log says why."""
    unknown: int
    """Coordinates at which the subscription has no letter."""
    remaining: bool
    letters: list[RedrivenLetterView]


def router(gateway: Gateway) -> APIRouter:
    operators = needs(Role.OPERATOR)
    routes = APIRouter(prefix="/subscriptions/{subscription_id}/deadLetters", tags=["Subscriptions"])
    dead_letters = DeadLetters(KafkaClusters(gateway.settings.kafka_clusters))

    async def known_subscription(subscription_id: SubscriptionId, caller: CurrentCaller) -> SubscriptionState:
        """Raises `Problem` 403, 404, and `NotAllowed` if the settings do not allow the subscription any more."""
        state = await read_state(gateway.client, SubscriptionRef(caller.tenant, subscription_id))
        must_reach(caller, state.subscription.service)
        check_allowed(state.subscription, gateway.settings.kafka_allowed)
        return state

    @routes.get("", dependencies=operators, operation_id="listDeadLetters", responses=responses(404, 422, 503))
    async def list_dead_letters(
        known: Annotated[SubscriptionState, Depends(known_subscription)],
        partition: Annotated[int, Query(ge=0, le=2**31 - 1, description="Start with this partition."), DIGITS] = 0,
        after: Annotated[int, Query(ge=-1, le=MAX_OFFSET, description="Start after this offset."), DIGITS] = -1,
        limit: Limit = 50,
    ) -> DeadLetterPage:
        """The records that this subscription could not deliver and that were not redriven since, oldest first."""
        async with _problems():
            page = await dead_letters.page(known.subscription, Cursor(partition, after), limit)
        return DeadLetterPage(
            dead_letters=[_as_view(letter, known.subscription) for letter in page.letters],
            skipped=[
                SkippedView(partition=each.partition, offset=each.offset, reason=each.reason) for each in page.skipped
            ],
            next=NextPage(partition=page.next.partition, after=page.next.after) if page.next else None,
        )

    @routes.post(
        "/redrive",
        dependencies=operators,
        status_code=202,
        operation_id="redrive",
        responses=responses(*BODY_STATUSES, 404, 409, 503),
    )
    async def redrive(
        known: Annotated[SubscriptionState, Depends(known_subscription)],
        request: Annotated[RedriveRequest, Depends(StrictBody(RedriveRequest))],
    ) -> RedriveOutcome:
        """Send records back to the end of their topic. Each is applied once."""
        if known.status is SubscriptionStatus.DELETED:
            detail = f"Subscription {known.subscription.id} is deleted: no consumer would read the records."
            raise Problem(409, "subscription-deleted", detail)
        async with _problems():
            if request.letters is not None:
                places = [(each.partition, each.offset) for each in request.letters]
                result = await dead_letters.redrive_each(known.subscription, places)
            else:
                result = await dead_letters.redrive_all(known.subscription)
        return _outcome(result)

    return routes


@asynccontextmanager
async def _problems() -> AsyncIterator[None]:
    try:
        yield
    except UnknownDeadLetter as error:
        raise Problem(404, "not-found", str(error)) from None
    except KafkaUnreachable as error:
        raise Problem(503, "kafka-unavailable", str(error), headers=RETRY) from None


def _outcome(result: RedriveResult) -> RedriveOutcome:
    return RedriveOutcome(
        redriven=result.redriven,
        already_redriven=result.count(LetterOutcome.ALREADY_REDRIVEN),
        without_value=result.count(LetterOutcome.WITHOUT_VALUE),
        refused=result.count(LetterOutcome.REFUSED),
        unknown=result.count(LetterOutcome.UNKNOWN),
        remaining=result.remaining,
        letters=[RedrivenLetterView(**asdict(each)) for each in result.letters],
    )


def _as_view(letter: DeadLetter, subscription: Subscription) -> DeadLetterView:
    key, key_is_base64, _ = _shown(letter.record_key)
    value, value_is_base64, value_is_cut = _shown(letter.value)
    return DeadLetterView(
        partition=letter.partition,
        offset=letter.offset,
        source=Coordinates(topic=subscription.topic, partition=letter.source_partition, offset=letter.source_offset),
        kind=letter.kind,
        reason=letter.reason,
        stage=letter.stage,
        time=letter.time,
        attempts=letter.attempts,
        key=key,
        key_is_base64=key_is_base64,
        value=value,
        value_is_base64=value_is_base64,
        value_is_cut=value_is_cut or letter.value_is_omitted,
        value_bytes=len(letter.value or b""),
    )


def _shown(raw: bytes | None) -> tuple[str | None, bool, bool]:
    """The bytes as text; whether the text is base64; whether it was cut."""
    if raw is None:
        return None, False, False
    try:
        text, is_base64 = raw.decode(), False
    except UnicodeDecodeError:
        text, is_base64 = base64.b64encode(raw[:_MAX_SHOWN_BYTES]).decode(), True
    return text[:MAX_SHOWN_CHARACTERS], is_base64, len(text) > MAX_SHOWN_CHARACTERS
