"""The inbox of an entity: it admits each message once, even if the message is delivered repeatedly.

Messages reach an entity workflow in batches, from HTTP or from Kafka. The inbox recognises a Kafka record by its
position: it remembers the highest offset of every source. It recognises an HTTP message by its ID, and keeps a receipt
with the message's outcome. A redriven record has a new offset, so the inbox checks both its offset and its ID.

Offsets suffice because the ingress keeps at most one batch per key in flight, in offset order.
"""

from collections import deque
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import BaseModel, Field, JsonValue, PrivateAttr

from domain.payload import Payload, encoded_bytes

RECEIPTS_KEPT = 500
"""How many finished receipts an entity keeps. It no longer recognises messages whose receipts it has dropped."""

CARRIED_BYTES = 512 * 1024
"""The most bytes of finished receipts that an entity carries into its next run."""

Body = TypeVar("Body")
OmitEmpty = Field(exclude_if=lambda value: value is None or value == "")
"""Leaves a field without a value out of the JSON: messages are sent by the thousand, so their size matters."""


def origin(message_id: str, trace: str | None) -> str:
    """Return a message's name in log lines: its ID, and its trace context if it has one."""
    return f"{message_id} trace {trace}" if trace else message_id


class Message(Payload, Generic[Body]):
    """One fact sent to an entity."""

    id: str
    """The ID of a record is its coordinates, `topic-partition-offset`; of a redriven record, its origin."""
    body: Body
    fingerprint: Annotated[str, OmitEmpty] = ""
    """The fingerprint of the body, from HTTP: the same ID with another fingerprint is a conflict."""
    submission: Annotated[str, OmitEmpty] = ""
    """From HTTP: a unique ID of the call, which distinguishes the first call with this message from its repetitions.
    From Kafka: the coordinates of a redriven record."""
    offset: Annotated[int | None, OmitEmpty] = None
    """Position in the batch's source, from Kafka."""
    trace: Annotated[str | None, OmitEmpty] = None
    """The trace context that the entity's work for this message belongs to, see `domain.traces`."""

    @property
    def origin(self) -> str:
        return origin(self.id, self.trace)


class Batch(Payload, Generic[Body]):
    """Messages for one entity, oldest first; the argument of every entity's signals."""

    messages: list[Message[Body]]
    source: str | None = None
    """The partition that the offsets belong to: `cluster/topic/epoch/partition`. None for HTTP."""

    def traced(self, trace: str | None) -> Self:
        """The batch as it is sent in `trace`. Of several messages, those that have a context keep it."""
        if trace is None:
            return self
        alone = len(self.messages) == 1
        sent = [m if m.trace and not alone else m.model_copy(update={"trace": trace}) for m in self.messages]
        return self.model_copy(update={"messages": sent})


class ReceiptStatus(StrEnum):
    QUEUED = "QUEUED"
    DONE = "DONE"


class Receipt(Payload):
    """The status of a message, and its outcome once it is done."""

    fingerprint: str
    submission: str
    handler: str
    status: ReceiptStatus
    received_at: datetime
    finished_at: datetime | None = None
    outcome: JsonValue = None


class Inbox(BaseModel):
    """What an entity remembers about its messages. It is carried through continue-as-new."""

    watermarks: dict[str, int] = Field(default_factory=dict)
    receipts: dict[str, Receipt] = Field(default_factory=dict)
    _finished: deque[str] = PrivateAttr(default_factory=deque)
    """The IDs of the finished receipts, oldest first. Searching `receipts` for each message instead would take too
    long: with a thousand messages, longer than a workflow task may take."""

    def model_post_init(self, _: Any) -> None:
        self._finished.extend(i for i, r in self.receipts.items() if r.status is ReceiptStatus.DONE)

    def admit(self, handler: str, batch: Batch[Body], now: datetime) -> list[Message[Body]]:
        """Return the messages of `batch` that are new, and remember them."""
        return [m for m in batch.messages if self._is_new(handler, batch.source, m, now)]

    def done(self, message_id: str, outcome: Payload, now: datetime) -> None:
        """Write the outcome into the message's receipt, if it has one."""
        receipt = self.receipts.pop(message_id, None)
        if receipt is None:
            return
        if receipt.status is ReceiptStatus.DONE:  # a record that was redriven before the first delivery was done
            self._finished.remove(message_id)
        changes = {
            "status": ReceiptStatus.DONE,
            "finished_at": now,
            "outcome": outcome.model_dump(mode="json", by_alias=True),
        }
        self.receipts[message_id] = receipt.model_copy(update=changes)
        self._finished.append(message_id)
        if len(self._finished) > RECEIPTS_KEPT:
            del self.receipts[self._finished.popleft()]

    def receipts_of(self, message_ids: Iterable[str]) -> dict[str, Receipt]:
        """By ID, without the messages that are unknown or forgotten."""
        return {i: self.receipts[i] for i in message_ids if i in self.receipts}

    def forget_beyond(self, limit_bytes: int = CARRIED_BYTES) -> None:
        """Drop the oldest finished receipts until the others have at most `limit_bytes`."""
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
