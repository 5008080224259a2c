"""Delayed messages: a standalone activity waits for the delay, then delivers to the entity."""

from typing import Protocol

from temporalio import activity

from domain.delivery import DELIVERY_ACTIVITY, DelayedMessage


class Mailbox(Protocol):
    """Sends messages to entities."""

    async def deliver(self, message: DelayedMessage) -> None:
        """Send the messages to their entity, which counts each message ID once."""


class DeliveryActivities:
    """The activity that delivers delayed messages."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    @activity.defn(name=DELIVERY_ACTIVITY)
    async def deliver(self, message: DelayedMessage) -> None:
        await self._mailbox.deliver(message)
