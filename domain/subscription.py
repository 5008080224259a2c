"""Kafka ingress: a subscription carries a topic's records to one handler of one service."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from domain.access import DEFAULT_TENANT, owned
from domain.checkpoint import Checkpoint
from domain.errors import BusinessFailure, Refusal
from domain.pattern import Pattern
from domain.payload import Payload
from domain.record_keys import KeyFormat

SUBSCRIPTION = Pattern("kafka_ingress", "Subscription", first_status="RUNNING")
MAX_ID_LENGTH = 200
DEAD_LETTER_SUFFIX = ".dead-letter"
_SOURCE = re.compile(r"kafka://([A-Za-z0-9_-]{1,100})/([A-Za-z0-9._-]{1,249})")
_SINK = re.compile(r"service://([A-Za-z]\w{0,99})/([A-Za-z]\w{0,99})")


class UnknownSource(Refusal):
    """No such cluster or topic."""


class UnknownSink(Refusal):
    """No such service or handler."""


class SubscriptionBroken(BusinessFailure):
    """A subscription cannot continue until an operator fixes what the message names."""


class SubscriptionOptions(Payload):
    """Options that Restate or librdkafka also have, have the same names here, dots included."""

    auto_offset_reset: Annotated[
        Literal["earliest", "latest"],
        Field(
            alias="auto.offset.reset",
            description="Where a new group begins: with the oldest record, or with the first one after the request. "
            "Partitions that are added later are read from their beginning.",
        ),
    ] = "earliest"
    group_id: Annotated[
        str | None,
        Field(
            alias="group.id",
            min_length=1,
            max_length=200,
            pattern="^[A-Za-z0-9._:@-]+$",  # with a slash it could be another tenant's, see `owned`
            description="The group that keeps the offsets; the subscription's ID by default. Another one must be in "
            "`KAFKA_ALLOWED`. No consumer may join it.",
        ),
    ] = None
    key_format: Annotated[
        KeyFormat,
        Field(
            alias="key.format",
            description="How the records' keys are written: as plain text, or in JSON: a string, a whole number, or an "
            "object of one such field.",
        ),
    ] = KeyFormat.STRING
    consumers: Annotated[int, Field(ge=1, le=16, description="Consumers that share the partitions.")] = 1
    max_in_flight: Annotated[int, Field(ge=1, le=1_000, description="Keys served at the same time.")] = 64
    max_batch: Annotated[int, Field(ge=1, le=500, description="Records of a key in one signal.")] = 500


class SubscriptionRequest(Payload):
    source: Annotated[
        str,
        Field(
            examples=["kafka://my-cluster/social-media-posts"],
            description="An existing topic that `KAFKA_ALLOWED` names for the caller's tenant.",
        ),
    ]
    sink: Annotated[str, Field(examples=["service://UserFeed/processPost"])]
    options: SubscriptionOptions = SubscriptionOptions()

    @field_validator("source")
    @classmethod
    def _is_a_source(cls, source: str) -> str:
        if not _SOURCE.fullmatch(source):
            raise ValueError("a source is written kafka://CLUSTER/TOPIC")
        if source.rpartition("/")[2] in (".", ".."):
            raise ValueError("Kafka has no topics that are named . or ..")
        return source

    @field_validator("sink")
    @classmethod
    def _is_a_sink(cls, sink: str) -> str:
        if not _SINK.fullmatch(sink):
            raise ValueError("a sink is written service://SERVICE/HANDLER")
        return sink

    @model_validator(mode="after")
    def _has_a_short_id(self) -> "SubscriptionRequest":
        if len(self.subscription().id) > MAX_ID_LENGTH:
            raise ValueError(f"cluster, topic, service and handler have more than {MAX_ID_LENGTH} characters together")
        return self

    def subscription(self, tenant: str = DEFAULT_TENANT) -> "Subscription":
        cluster, topic = _SOURCE.fullmatch(self.source).groups()  # type: ignore[union-attr]
        service, handler = _SINK.fullmatch(self.sink).groups()  # type: ignore[union-attr]
        return Subscription(
            tenant=tenant, cluster=cluster, topic=topic, service=service, handler=handler, options=self.options
        )


class Subscription(Payload):
    """A topic, and the handler that receives its records by their keys."""

    tenant: str = DEFAULT_TENANT
    """Whose keys receive the records."""
    cluster: str
    topic: str
    service: str
    handler: str
    options: SubscriptionOptions

    @property
    def id(self) -> str:
        """One subscription per topic and handler: subscribing again returns the existing one."""
        return f"{self.ids_of_topic}{self.service}.{self.handler}"

    @property
    def ids_of_topic(self) -> str:
        """What the IDs of all subscriptions to the topic begin with."""
        return f"{self.cluster}.{self.topic}-"

    @property
    def name(self) -> str:
        """The ID, as Kafka and the logs have it."""
        return owned(self.tenant, self.id)

    @property
    def ref(self) -> "SubscriptionRef":
        return SubscriptionRef(self.tenant, self.id)

    @property
    def group(self) -> str:
        return owned(self.tenant, self.options.group_id or self.id)

    @property
    def offsets(self) -> tuple[str, str, str]:
        """The names under which Kafka keeps the offsets: cluster, topic and group."""
        return self.cluster, self.topic, self.group

    @property
    def dead_letter_topic(self) -> str:
        return f"{self.topic}{DEAD_LETTER_SUFFIX}"


@dataclass(frozen=True)
class SubscriptionRef:
    """Which subscription of which tenant."""

    tenant: str
    id: str

    @property
    def workflow_id(self) -> str:
        return f"{workflow_prefix(self.tenant)}{self.id}"


def workflow_prefix(tenant: str) -> str:
    """What the IDs of the tenant's subscription workflows begin with, and no others."""
    return owned(tenant, "subscription:")


class SubscriptionStatus(StrEnum):
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    FAILED = "FAILED"
    """A configuration error stopped it: fix it, then resume."""
    DELETED = "DELETED"


class SubscriptionChange(Payload):
    """Body of PATCH: pause or resume."""

    status: Literal["RUNNING", "PAUSED"]


class Stall(Payload):
    """Why records do not move although the subscription runs, in words for an operator, and since when."""

    reason: str
    since: datetime


class PartitionProgress(Payload):
    """One partition's progress: `committed <= acknowledged <= position <= end`, each the offset of the next record."""

    partition: int
    committed: int
    """The group's offset in Kafka."""
    acknowledged: int
    """Everything before it is finished: the next commit has this offset."""
    position: int
    """Everything before it is read."""
    end: int
    lag: int
    """Records between `committed` and `end`."""
    rate: float
    """Records delivered per second, over about the last 10 seconds."""
    dead_lettered: int
    oldest_in_flight_seconds: float
    """How long the oldest unfinished record has been waiting since it was read."""
    last_error: str | None
    """Why a call is being repeated, or what expired before it was read."""


class ConsumerProgress(Payload):
    """A heartbeat's report: the first 100 partitions, and totals over all. Counts begin at 0 with each consumer."""

    partitions: list[PartitionProgress]
    received: int
    delivered: int
    dead_lettered: int
    lag: int
    stalled_keys: int
    """Keys whose records wait because a call failed and is repeated, and dead letters that cannot be written."""
    in_flight: int
    """Calls to Temporal that have not returned."""
    rate: float
    oldest_in_flight_seconds: float
    last_error: str | None
    stall: Stall | None = None


class ConsumerSnapshot(ConsumerProgress):
    """What a heartbeat has: also what the next consumer needs."""

    checkpoint: Checkpoint | None = None


class ConsumerTask(Payload):
    """Consume each partition of `subscription` whose number modulo the number of consumers is `member`."""

    subscription: Subscription
    member: int
    stall: Stall | None = None
    """What kept the consumer before this one from moving."""
    checkpoint: Checkpoint | None = None


class OffsetsToKeep(Payload):
    """Offsets that are committed again while no consumer does it."""

    subscription: Subscription
    checkpoint: Checkpoint


class ConsumerReport(Payload):
    """Consumer `member` has stalled, or moves: `stall` is None. Reports of an earlier `attempt` may come late."""

    member: int
    attempt: int
    stall: Stall | None


class SubscriptionState(Payload):
    status: SubscriptionStatus
    subscription: Subscription
    stall: Stall | None
    """Why it failed, or why a consumer does not move."""


class SubscriptionInput(Payload):
    """The input of a subscription's run; each run passes its state to the next."""

    subscription: Subscription
    status: SubscriptionStatus = SubscriptionStatus.RUNNING
    stalls: dict[int, Stall] = Field(default_factory=dict)
    """What the consumers reported, by their numbers."""
    failure: Stall | None = None
    checkpoint: Checkpoint | None = None
