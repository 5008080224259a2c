"""One consumer of a topic: reads its share of the partitions, delivers the records, commits what is finished.

Consumers do not join a Kafka group. Temporal starts each of them, one at a time, and its number determines its
partitions; the group is the name under which offsets are kept. A consumer that Temporal considers lost may read for a
moment while its successor reads too: entities drop the records that they have seen, and each consumer commits only what
it has delivered itself.

Two properties of aiokafka shape this file. Full partitions are left out of `getmany` and not paused, since a pause
throws away what was fetched; and a consumer that fails is replaced by a new one.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from aiokafka import TopicPartition

from domain.subscription import ConsumerSnapshot, ConsumerTask
from infra.kafka.clusters import KafkaClusters
from infra.kafka.deadlines import DEADLINES, answered, start_client, stop_client
from workers.kafka.client import limit_fetches, new_client
from workers.kafka.committer import Committer
from workers.kafka.decisions.budget import Budget
from workers.kafka.decisions.counts import Counts
from workers.kafka.decisions.offsets import OffsetTracker
from workers.kafka.decisions.partition import Partition
from workers.kafka.decisions.rate import Rate
from workers.kafka.decisions.stalls import Signs
from workers.kafka.decisions.standstill import Standstill
from workers.kafka.delivery import Delivery, Destination
from workers.kafka.positions import Positions
from workers.kafka.reader import POLL_MS, Reader
from workers.kafka.reporter import Reporter
from workers.kafka.topic_watch import TopicWatch

log = logging.getLogger(__name__)

FETCH_PATIENCE_SECONDS = 60.0
"""aiokafka's consumer can stop fetching without an error: after this it is replaced by a new one."""


@dataclass(frozen=True)
class Timing:
    """How long a consumer waits, in seconds."""

    drain: float = 10.0
    """For the calls in flight, when the consumer stops."""
    stop: float = 5.0
    """For each step of closing the client."""
    check_topic: float = 10.0
    """Between two checks that the topic is still the same: without them the client may take minutes to notice."""
    topic_missing: float = 10.0
    """For a topic that the brokers do not know to appear, until it counts as deleted."""


class TopicConsumer:
    """Runs once, until it is stopped or fails."""

    def __init__(
        self,
        task: ConsumerTask,
        clusters: KafkaClusters,
        epoch: str | None,
        destination: Destination,
        report: Callable[[ConsumerSnapshot], None],
        *,
        timing: Timing = Timing(),
    ) -> None:
        """`epoch` replaces the topic's incarnation in the source that batches name, and in the checkpoint."""
        self._subscription = task.subscription
        self._member = task.member
        self._clusters = clusters
        self._checkpoint = task.checkpoint
        self._epoch = epoch
        self._timing = timing
        self._client = new_client(task, clusters.connection(task.subscription.cluster))
        self._watch = TopicWatch(clusters, task.subscription, timing.check_topic, timing.topic_missing)
        self._positions = Positions(self._client, task.subscription, self._watch)
        self._partitions: dict[int, Partition] = {}
        self._reader = Reader(self._client, task.subscription.topic, self._positions)
        self._share = destination.limits.share
        self._delivery = Delivery(destination, self._partitions)
        self._committer: Committer | None = None
        self._fetched = Standstill()
        self._signs = Signs()
        self._reporter = Reporter(
            task,
            report,
            watch=self._watch,
            delivery=self._delivery,
            positions=self._positions,
            partitions=self._partitions,
            signs=self._signs,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set, then drain and commit. If cancelled, stop at once and commit nothing.

        Raises `SubscriptionBroken`; after `TopicChanged`, `KafkaError` or any other error a new consumer continues.
        """
        polling = asyncio.create_task(self._poll(stop))
        watching = asyncio.create_task(self._watch.run())
        reporting = asyncio.create_task(self._reporter.run())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({polling, watching, reporting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({polling}, timeout=2 * POLL_MS / 1000)
        except asyncio.CancelledError:
            await self._release(lost=True)
            raise
        finally:
            # Nothing is read after this, so a poll may be cancelled.
            for task in (stopping, watching, reporting, polling):
                task.cancel()
            await self._release()
            await asyncio.wait({polling}, timeout=self._timing.stop)
            await stop_client(self._client, self._timing.stop)
            await self._watch.close(self._timing.stop)
            await asyncio.wait({polling}, timeout=self._timing.stop)
        for task in (watching, reporting):
            if task.done() and not task.cancelled():
                task.result()
        if not polling.done():
            raise ConnectionError("The Kafka client is still reading after its read was cancelled.")
        if not polling.cancelled():
            polling.result()

    async def _poll(self, stop: asyncio.Event) -> None:
        topic = await self._watch.begin()
        numbers = range(self._member, topic.partitions, self._subscription.options.consumers)
        if not numbers:
            await self._idle(stop)
            return
        limit_fetches(self._client, self._share, len(numbers))
        self._client.assign([self._tp(number) for number in numbers])
        async with self._answered("the start of a client", DEADLINES.start):
            await start_client(self._client, DEADLINES.stop)
        committer = self._committer = await self._begin(numbers, self._epoch or topic.incarnation)
        self._signs.began_at = self._signs.polled_at = time.monotonic()
        self._reporter.report()
        while not stop.is_set():
            self._signs.polled_at = time.monotonic()
            room = Budget.of(self._share, len(numbers)).room(self._partitions)
            records = await self._reader.read(room, self._partitions)
            if self._committer is None:  # released while this read was going on: the next consumer reads the records
                return
            self._delivery.accept(records, time.monotonic())
            await self._positions.skip_gaps(self._partitions)
            self._delivery.check()
            await self._positions.check_ends(self._partitions)
            # A partition that was read needs no fetch: what is fetched of it may last for minutes.
            self._signs.reading = sorted(set(room.partitions) - {record.partition for record in records})
            await self._check_fetches(self._signs.reading)
            await committer.commit_due(time.monotonic())

    async def _idle(self, stop: asyncio.Event) -> None:
        """Wait, because the topic has fewer partitions than the subscription has consumers."""
        self._signs.began_at = self._signs.polled_at = time.monotonic()
        self._reporter.report()
        while not stop.is_set():
            self._signs.polled_at = time.monotonic()
            await asyncio.sleep(POLL_MS / 1000)

    async def _begin(self, numbers: Sequence[int], incarnation: str) -> Committer:
        known = self._checkpoint if self._checkpoint and self._checkpoint.incarnation == incarnation else None
        beginnings = await self._positions.begin(numbers, known)
        now = time.monotonic()
        topic = f"{self._subscription.cluster}/{self._subscription.topic}/{incarnation}"
        for number, beginning in beginnings.items():
            tracker = OffsetTracker(beginning.position)
            self._partitions[number] = Partition(f"{topic}/{number}", tracker, Counts(Rate(now)))
        positions = {number: beginning.position for number, beginning in beginnings.items()}
        log.info("%s: consumer %s reads from %s", self._subscription.name, self._member + 1, positions)
        committed = {number: each.committed for number, each in beginnings.items() if each.committed is not None}
        committer = Committer(self._client, self._subscription, self._partitions, committed, now)
        self._signs.committed, self._signs.incarnation = committer.committed, incarnation
        return committer

    async def _check_fetches(self, numbers: Sequence[int]) -> None:
        fetches = self._positions.fetches(numbers)
        if stuck := self._fetched.longer_than(FETCH_PATIENCE_SECONDS, fetches, time.monotonic()):
            # One broker of several may be advertised at an address that only other machines can use.
            why = await self._clusters.unreachable_listeners(self._subscription.cluster, self._client._client)
            silent = f"Kafka does not answer for partitions {stuck} of {self._subscription.topic!r}."
            raise ConnectionError(f"{silent} {why}".strip())

    async def _release(self, *, lost: bool = False) -> None:
        """Stop delivering, once: wait for the calls in flight, then commit. If `lost`, do neither."""
        committer, self._committer = self._committer, None
        if committer is None:
            return
        await self._delivery.close(0 if lost else self._timing.drain)
        if not lost:
            await committer.commit_rest()
            self._reporter.report()

    def _answered(self, what: str, seconds: float) -> AbstractAsyncContextManager[None]:
        return answered(self._subscription.cluster, f"{what} ({self._subscription.topic!r})", seconds)

    def _tp(self, number: int) -> TopicPartition:
        return TopicPartition(self._subscription.topic, number)
