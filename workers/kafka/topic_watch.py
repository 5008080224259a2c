"""Notices that a topic is not the one any more that its consumer began with."""

import asyncio
from contextlib import suppress

from domain.subscription import Subscription, SubscriptionBroken
from infra.kafka.clusters import KafkaClusters, Topic
from infra.kafka.deadlines import KafkaUnreachable


class TopicChanged(Exception):
    """The topic was made anew, or has more partitions; a new consumer begins with it."""


class TopicWatch:
    """One consumer's view of its topic."""

    def __init__(self, clusters: KafkaClusters, subscription: Subscription, interval_seconds: float) -> None:
        self._clusters = clusters
        self._subscription = subscription
        self._interval = interval_seconds
        self._looks: set[asyncio.Task[Topic | None]] = set()
        self.topic: Topic | None = None
        """As it was at the beginning."""

    async def begin(self) -> Topic:
        """Raises `SubscriptionBroken` if there is no such topic."""
        self.topic = await self._current()
        return self.topic

    async def run(self) -> None:
        """Look again and again. Raises `TopicChanged`, `SubscriptionBroken`."""
        while True:
            await asyncio.sleep(self._interval)
            if self.topic is not None:
                with suppress(KafkaUnreachable):
                    await self.check()

    async def check(self) -> None:
        """Look now."""
        if await self._current() != self.topic:
            raise TopicChanged(f"Topic {self._subscription.topic!r} was made anew or has other partitions.")

    async def close(self, patience_seconds: float) -> None:
        """Wait for a look that was cancelled: it goes on to its end, or it would leave its connection open."""
        if self._looks:
            await asyncio.wait(self._looks, timeout=patience_seconds)

    async def _current(self) -> Topic:
        look = asyncio.create_task(self._clusters.topic(self._subscription.cluster, self._subscription.topic))
        self._looks.add(look)
        look.add_done_callback(self._looks.discard)
        topic = await asyncio.shield(look)
        if topic is None:
            raise SubscriptionBroken(
                f"Topic {self._subscription.topic!r} is not in cluster {self._subscription.cluster!r} any more."
            )
        return topic
