"""Delayed messages: a standalone activity waits for the delay, then delivers to the entity."""

from typing import Any, Protocol

from temporalio import activity

from domain.inbox import Batch
from domain.payload import Payload


class Delivery(Payload):
    """A message to hand to `handler` of `service` for `key`."""

    service: str
    key: str
    handler: str
    batch: Batch[Any]


class Mailbox(Protocol):
    """The way into an entity."""

    async def deliver(self, delivery: Delivery) -> None:
        """Hand the message over; the entity counts it once by its message ID."""


class DeliveryActivities:
    """The delayed form of a send."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    @activity.defn(name="deliver")
    async def deliver(self, delivery: Delivery) -> None:
        await self._mailbox.deliver(delivery)
