"""Delayed messages: a standalone activity waits for the delay, then delivers to the entity."""

from typing import Protocol

from temporalio import activity

from domain.delivery import DELIVERY_ACTIVITY, DelayedMessage


class Mailbox(Protocol):
    """The way into an entity."""

    async def deliver(self, message: DelayedMessage) -> None:
        """Hand the messages over; the entity counts each once by its ID."""


class DeliveryActivities:
    """The delayed form of a send."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    @activity.defn(name=DELIVERY_ACTIVITY)
    async def deliver(self, message: DelayedMessage) -> None:
        await self._mailbox.deliver(message)
