"""How an entity receives: each message once, whatever is redelivered.

Messages reach an entity workflow in batches, from HTTP or from Kafka. A record from Kafka counts once by
its position: the inbox remembers the highest offset of every source it has read. A message from HTTP counts
once by its ID, and leaves a receipt in which its sender can look up what became of it. A record that was
re-driven has a new offset and counts by both.

Offsets suffice because the ingress keeps at most one batch per key in flight, in offset order.
"""

from collections import deque
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, Field, JsonValue, PrivateAttr

from domain.payload import Payload, encoded_bytes

RECEIPTS_KEPT = 500
"""Finished receipts that an entity remembers; older ones are forgotten, and with them their message IDs."""

CARRIED_BYTES = 512 * 1024
"""Of finished receipts, at most, that go with an entity into its next run."""

Body = TypeVar("Body")
OmitEmpty = Field(exclude_if=lambda value: value is None or value == "")
"""Records come by the thousand: what they do not have is not sent."""


def origin(message_id: str, trace: str | None) -> str:
    """How log lines name a message: by its ID, and its trace context if it has one."""
    return f"{message_id} trace {trace}" if trace else message_id


class Message(Payload, Generic[Body]):
    """One fact sent to an entity."""

    id: str
    """Of a record its coordinates, `topic-partition-offset`."""
    body: Body
    fingerprint: Annotated[str, OmitEmpty] = ""
    """Of the body, from HTTP: the same ID with another fingerprint is a conflict."""
    submission: Annotated[str, OmitEmpty] = ""
    """Of the call, from HTTP: tells the call that brought the message from the calls that repeated it.
    Of the record that brought it again, if it was re-driven."""
    offset: Annotated[int | None, OmitEmpty] = None
    """Position in the batch's source, from Kafka."""
    trace: Annotated[str | None, OmitEmpty] = None
    """W3C trace context, from Kafka: `traceparent`, and behind a space `tracestate`."""

    @property
    def origin(self) -> str:
        return origin(self.id, self.trace)


class Batch(Payload, Generic[Body]):
    """Messages for one entity, oldest first; the argument of every entity's signals."""

    messages: list[Message[Body]]
    source: str | None = None
    """Where the offsets count: `cluster/topic/epoch/partition`. None for HTTP."""


class ReceiptStatus(StrEnum):
    QUEUED = "QUEUED"
    DONE = "DONE"


class Receipt(Payload):
    """What became of a message."""

    fingerprint: str
    submission: str
    handler: str
    status: ReceiptStatus
    received_at: datetime
    finished_at: datetime | None = None
    outcome: JsonValue = None


class Inbox(BaseModel):
    """What an entity remembers of its messages. Travels with it through continue-as-new."""

    watermarks: dict[str, int] = Field(default_factory=dict)
    receipts: dict[str, Receipt] = Field(default_factory=dict)
    _finished: deque[str] = PrivateAttr(default_factory=deque)
    """Those of `receipts` that are finished, oldest first: looking for them with every message would take a workflow
    that received a thousand longer than a workflow task may take."""

    def model_post_init(self, _: Any) -> None:
        self._finished.extend(i for i, r in self.receipts.items() if r.status is ReceiptStatus.DONE)

    def admit(self, handler: str, batch: Batch[Body], now: datetime) -> list[Message[Body]]:
        """Return the messages of `batch` that were never seen, and remember them."""
        return [m for m in batch.messages if self._is_new(handler, batch.source, m, now)]

    def done(self, message_id: str, outcome: Payload, now: datetime) -> None:
        """Write the outcome into the message's receipt, if it has one."""
        receipt = self.receipts.pop(message_id, None)
        if receipt is None:
            return
        if receipt.status is ReceiptStatus.DONE:  # a record that was re-driven while the first was in hand
            self._finished.remove(message_id)
        what = {
            "status": ReceiptStatus.DONE,
            "finished_at": now,
            "outcome": outcome.model_dump(mode="json", by_alias=True),
        }
        self.receipts[message_id] = receipt.model_copy(update=what)
        self._finished.append(message_id)
        if len(self._finished) > RECEIPTS_KEPT:
            del self.receipts[self._finished.popleft()]

    def forget_beyond(self, limit_bytes: int = CARRIED_BYTES) -> None:
        """Forget the oldest finished receipts until the others have at most `limit_bytes`."""
        kept_bytes = 0
        for message_id in reversed(self._finished):
            kept_bytes += len(message_id) + encoded_bytes(self.receipts[message_id])
            if kept_bytes > limit_bytes:
                del self.receipts[message_id]
        self._finished = deque(i for i in self._finished if i in self.receipts)

    def _is_new(self, handler: str, source: str | None, message: Message[Body], now: datetime) -> bool:
        if source is not None and message.offset is not None:
            if message.offset <= self.watermarks.get(source, -1):
                return False
            self.watermarks[source] = message.offset
            if not message.submission:
                return True
        if message.id in self.receipts:
            return False
        self.receipts[message.id] = Receipt(
            fingerprint=message.fingerprint,
            submission=message.submission,
            handler=handler,
            status=ReceiptStatus.QUEUED,
            received_at=now,
        )
        return True
