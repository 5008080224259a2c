"""Detects that a topic is no longer the one that its consumer began with."""

import asyncio
from contextlib import suppress

from domain.subscription import Subscription, SubscriptionBroken
from infra.kafka.clusters import KafkaClusters, Topic
from infra.kafka.deadlines import KafkaUnreachable


class TopicChanged(Exception):
    """The topic was recreated or has other partitions; a new consumer begins with it."""


class TopicWatch:
    """One consumer's view of its topic."""

    def __init__(self, clusters: KafkaClusters, subscription: Subscription, interval_seconds: float) -> None:
        self._clusters = clusters
        self._subscription = subscription
        self._interval = interval_seconds
        self._lookups: set[asyncio.Task[Topic | None]] = set()
        self.topic: Topic | None = None
        """As it was when the consumer began."""

    async def begin(self) -> Topic:
        """Raises `SubscriptionBroken` if there is no such topic."""
        self.topic = await self._current()
        return self.topic

    async def run(self) -> None:
        """Check once per interval. Raises `TopicChanged`, `SubscriptionBroken`."""
        while True:
            await asyncio.sleep(self._interval)
            if self.topic is not None:
                with suppress(KafkaUnreachable):
                    await self.check()

    async def check(self) -> None:
        """Check now. Raises `TopicChanged`, `SubscriptionBroken`, `KafkaUnreachable`."""
        if await self._current() != self.topic:
            raise TopicChanged(f"Topic {self._subscription.topic!r} was recreated or has other partitions.")

    async def close(self, patience_seconds: float) -> None:
        """Wait for a lookup that was cancelled: it runs to its end, since otherwise its connection would stay open."""
        if self._lookups:
            await asyncio.wait(self._lookups, timeout=patience_seconds)

    async def _current(self) -> Topic:
        lookup = asyncio.create_task(self._clusters.topic(self._subscription.cluster, self._subscription.topic))
        self._lookups.add(lookup)
        lookup.add_done_callback(self._lookups.discard)
        topic = await asyncio.shield(lookup)
        if topic is None:
            raise SubscriptionBroken(
                f"Topic {self._subscription.topic!r} is not in cluster {self._subscription.cluster!r} any more. "
                "Create it and resume the subscription, or delete the subscription."
            )
        return topic
