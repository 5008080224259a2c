"""Detects that a topic is no longer the one that its consumer began with.

That a broker knows no such topic proves nothing yet: brokers learn of a new topic one after the other, one that has
just started may know none, and a topic that is deleted and created again is missing in between. So the question is
repeated for a while.
"""

import asyncio
import time
from contextlib import suppress

from domain.subscription import Subscription, SubscriptionBroken
from infra.kafka.clusters import KafkaClusters, Topic
from infra.kafka.deadlines import KafkaUnreachable

ASK_AGAIN_SECONDS = 0.5


class TopicChanged(Exception):
    """The topic was recreated or has other partitions; a new consumer begins with it."""


class TopicWatch:
    """Watches the topic of one consumer."""

    def __init__(
        self, clusters: KafkaClusters, subscription: Subscription, interval_seconds: float, missing_seconds: float
    ) -> None:
        """Look every `interval_seconds`. A topic that is missing for `missing_seconds` counts as deleted."""
        self._clusters = clusters
        self._subscription = subscription
        self._interval = interval_seconds
        self._missing = missing_seconds
        self._lookups: set[asyncio.Task[Topic | None]] = set()
        self.topic: Topic | None = None
        """The topic when the consumer began."""
        self.trouble: str | None = None
        """What was wrong when Kafka was last asked: it did not answer, or did not know the topic."""
        self._wanted = asyncio.Event()

    async def begin(self) -> Topic:
        """Raises `SubscriptionBroken` if there is no such topic, `KafkaUnreachable`."""
        self.topic = await self._current()
        return self.topic

    async def run(self) -> None:
        """Check once per interval, and when `look_now` is called. Raises `TopicChanged`, `SubscriptionBroken`."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._interval):
                    await self._wanted.wait()
            self._wanted.clear()
            if self.topic is not None:
                with suppress(KafkaUnreachable):
                    await self.check()

    def look_now(self) -> None:
        """Check before the interval ends, to learn whether Kafka answers at all."""
        self._wanted.set()

    async def check(self) -> None:
        """Check now. Raises `TopicChanged`, `SubscriptionBroken`, `KafkaUnreachable`."""
        if await self._current() != self.topic:
            raise TopicChanged(f"Topic {self._subscription.topic!r} was recreated or has other partitions.")

    async def close(self, patience_seconds: float) -> None:
        """Wait for a lookup that was cancelled: it runs to its end, since otherwise its connection would stay open."""
        if self._lookups:
            await asyncio.wait(self._lookups, timeout=patience_seconds)

    async def _current(self) -> Topic:
        missing_since: float | None = None
        while (topic := await self._look_up()) is None:
            now = time.monotonic()
            missing_since = missing_since or now
            if now - missing_since >= self._missing:
                raise SubscriptionBroken(
                    f"Topic {self._subscription.topic!r} is not in cluster {self._subscription.cluster!r} any more. "
                    "Create it and resume the subscription, or delete the subscription."
                )
            await asyncio.sleep(ASK_AGAIN_SECONDS)
        return topic

    async def _look_up(self) -> Topic | None:
        lookup = asyncio.create_task(self._clusters.topic(self._subscription.cluster, self._subscription.topic))
        self._lookups.add(lookup)
        lookup.add_done_callback(self._ended)
        try:
            found = await asyncio.shield(lookup)
        except KafkaUnreachable as error:
            self.trouble = str(error)
            raise
        self.trouble = None if found else f"Topic {self._subscription.topic!r} is missing: Kafka is asked again."
        return found

    def _ended(self, lookup: asyncio.Task[Topic | None]) -> None:
        """Take the error of a lookup for which nothing waits any more: asyncio would log it as never retrieved."""
        self._lookups.discard(lookup)
        if not lookup.cancelled():
            lookup.exception()
