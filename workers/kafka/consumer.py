"""One consumer of a topic: reads its share of the partitions, hands over, commits what is done.

Consumers do not join a Kafka group: Temporal starts each, one at a time, so its number says which partitions are its
own. The group is the name that offsets are kept under. A consumer that was given up for lost may for a moment read
beside the one that goes on; entities drop what they have seen, and either commits only what it has delivered itself.

aiokafka has its own ways, which this file is written around: partitions that are full are left out of `getmany`
rather than paused (a pause throws away what was fetched), and a consumer that fails is replaced by a new one.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from aiokafka import TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from domain.records import Record
from domain.subscription import ConsumerProgress, ConsumerTask, SubscriptionBroken
from infra.kafka.clusters import KafkaClusters
from infra.kafka.deadlines import DEADLINES, answered, stop_client
from workers.kafka.assignment import Assignment
from workers.kafka.client import as_record, new_client
from workers.kafka.decisions.counts import Counts
from workers.kafka.decisions.fetch_monitor import Watchdog
from workers.kafka.decisions.rate import Rate
from workers.kafka.delivery import Route
from workers.kafka.topic_watch import TopicWatch

log = logging.getLogger(__name__)

POLL_MS = 200
POLL_RECORDS = 1_000
COMMIT_SECONDS = 5.0
BEGIN_SECONDS = 30.0
REPORT_SECONDS = 1.0
PARTITIONS_REPORTED = 100


@dataclass(frozen=True)
class Timing:
    """How long a consumer gives others, and they it. All in seconds."""

    drain: float = 10.0
    """For the calls in flight, when the consumer stops."""
    stop: float = 5.0
    """For each step of closing the client."""
    look_at_topic: float = 10.0
    """Between two looks whether the topic is still the same: the client may not notice for minutes."""


class TopicConsumer:
    """Runs once, until it is told to stop or fails."""

    def __init__(
        self,
        task: ConsumerTask,
        clusters: KafkaClusters,
        epoch: str | None,
        route: Route,
        report: Callable[[ConsumerProgress], None],
        *,
        timing: Timing = Timing(),
    ) -> None:
        """`epoch` stands in for the topic's own incarnation in the source that batches name."""
        self._subscription = task.subscription
        self._member = task.member
        self._configured_epoch = epoch
        self._route = route
        self._report = report
        self._timing = timing
        self._client = new_client(task, clusters.connection(task.subscription.cluster))
        self._assignment: Assignment | None = None
        self._watch = TopicWatch(clusters, task.subscription, timing.look_at_topic)
        self._counts = defaultdict[int, Counts](lambda: Counts(Rate(time.monotonic())))
        self._watchdog = Watchdog()
        self._report_at = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set, then drain and commit. If cancelled, let go at once and commit nothing.

        Raises `SubscriptionBroken`; `TopicChanged`, `KafkaError` and others after which a new consumer goes on.
        """
        polling = asyncio.create_task(self._poll(stop))
        watching = asyncio.create_task(self._watch.run())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({polling, watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({polling}, timeout=2 * POLL_MS / 1000)
        except asyncio.CancelledError:
            await self._release(lost=True)
            raise
        finally:
            # From here on nothing is read any more, so a poll may be cancelled.
            for task in (stopping, watching, polling):
                task.cancel()
            await self._release()
            await stop_client(self._client, self._timing.stop)
            await self._watch.close(self._timing.stop)
            await asyncio.wait({polling}, timeout=self._timing.stop)
        if watching.done() and not watching.cancelled():
            watching.result()
        if not polling.done():
            raise ConnectionError("The Kafka client does not end a read that was cancelled.")
        if not polling.cancelled():
            polling.result()

    async def _poll(self, stop: asyncio.Event) -> None:
        # Asked before the client does, which would make the topic.
        topic = await self._watch.begin()
        partitions = range(self._member, topic.partitions, self._subscription.options.consumers)
        if not partitions:
            self._report_progress(None)
            await stop.wait()
            return
        self._client.assign([self._tp(partition) for partition in partitions])
        async with self._answered("the start of a client", DEADLINES.start):
            await self._client.start()
        assignment = self._assignment = await self._begin(partitions)
        while not stop.is_set():
            with_room = assignment.with_room()
            records = await self._read(with_room)
            if assignment is self._assignment:  # what is read after it was let go is for the next consumer
                await self._advance(assignment, with_room, records)
            self._report_now_and_then()

    async def _advance(self, assignment: Assignment, partitions: Sequence[int], records: list[Record]) -> None:
        assignment.accept(records, time.monotonic())
        await self._pass_gaps(assignment)
        assignment.check()
        await self._check_ends(assignment)
        self._check_fetches(partitions)
        await self._commit(assignment, assignment.commits_due(time.monotonic()))

    async def _read(self, partitions: Sequence[int]) -> list[Record]:
        """Wait for records of `partitions`, at most 200 ms."""
        if not partitions:  # getmany would read them all
            await asyncio.sleep(POLL_MS / 1000)
            return []
        wanted = [self._tp(partition) for partition in partitions]
        try:
            polled = await self._client.getmany(*wanted, timeout_ms=POLL_MS, max_records=POLL_RECORDS)
        except NoOffsetForPartitionError:
            return []  # found by the client before `_begin` set the position
        except OffsetOutOfRangeError as error:
            await self._out_of_range(error.args[0])
            return []
        return [as_record(record) for records in polled.values() for record in records]

    async def _pass_gaps(self, assignment: Assignment) -> None:
        """Count as read what the client keeps from us: aborted records, the marks of transactions."""
        async with self._answered("a position", DEADLINES.answer):
            for partition in assignment.positions():
                assignment.skip_to(partition, await self._client.position(self._tp(partition)))

    async def _begin(self, partitions: Iterable[int]) -> Assignment:
        """Set the positions of the partitions: where the group is, or where the options say."""
        committed: dict[int, int] = {}
        positions: dict[int, int] = {}
        async with asyncio.timeout(BEGIN_SECONDS):
            for partition in partitions:
                tp = self._tp(partition)
                if (offset := await self._client.committed(tp)) is not None:
                    committed[partition] = offset
                positions[partition] = await self._seek(tp, offset)
        log.info("%s: consumer %s reads from %s", self._subscription.id, self._member + 1, positions)
        return Assignment(positions, committed, self._route, self._source, self._counts, now=time.monotonic())

    async def _seek(self, tp: TopicPartition, committed: int | None) -> int:
        if committed is not None:
            self._client.seek(tp, committed)
            return committed
        if self._subscription.options.auto_offset_reset == "earliest":
            await self._client.seek_to_beginning(tp)
        else:
            await self._client.seek_to_end(tp)
        position: int = await self._client.position(tp)
        return position

    async def _check_ends(self, assignment: Assignment) -> None:
        """Some brokers answer a read beyond the log's end with silence."""
        ends = self._ends()
        for partition, position in assignment.positions().items():
            if position > ends.get(partition, position):
                await self._beyond_end(partition, position, ends[partition])

    async def _out_of_range(self, offsets: dict[TopicPartition, int]) -> None:
        (tp, offset), *_ = offsets.items()
        async with self._answered("where its log begins and ends", DEADLINES.start):
            beginning = (await self._client.beginning_offsets([tp]))[tp]
            end = (await self._client.end_offsets([tp]))[tp] if offset >= beginning else None
        if end is not None:
            await self._beyond_end(tp.partition, offset, end)
        expired = f"{offset} to {beginning - 1} of partition {tp.partition} expired before they were read"
        self._counts[tp.partition].errors["expired"] = expired
        log.error("%s: %s", self._subscription.id, expired)
        self._client.seek(tp, beginning)
        if self._assignment is not None:
            self._assignment.skip_to(tp.partition, beginning)

    async def _beyond_end(self, partition: int, offset: int, end: int) -> None:
        await self._watch.check()
        raise SubscriptionBroken(
            f"Group {self._subscription.group!r} is at offset {offset} of partition {partition}, but "
            f"{self._subscription.topic!r} ends at {end}: the topic lost records or was made anew. "
            "Reset the group's offsets and resume, or subscribe with another group.id."
        )

    def _check_fetches(self, partitions: Iterable[int]) -> None:
        fetches = {partition: self._client.last_poll_timestamp(self._tp(partition)) for partition in partitions}
        if stuck := self._watchdog.stuck(fetches, time.monotonic()):
            raise ConnectionError(f"Kafka does not answer for partitions {stuck} of {self._subscription.topic!r}.")

    async def _commit(self, assignment: Assignment, offsets: dict[int, int]) -> None:
        """Commit; a failure is left to the next time, since a record may come twice but not never."""
        if not offsets:
            return
        try:
            async with asyncio.timeout(COMMIT_SECONDS):
                await self._client.commit({self._tp(partition): offset for partition, offset in offsets.items()})
        except CommitFailedError:
            self._note_failure(
                offsets, f"{self._subscription.group!r} has members that are not ours, and takes no commit"
            )
        except (KafkaError, IllegalStateError, TimeoutError) as error:
            self._note_failure(offsets, repr(error))
        else:
            assignment.committed(offsets)
            for partition in offsets:
                self._counts[partition].errors.pop("commit", None)

    def _note_failure(self, offsets: dict[int, int], reason: str) -> None:
        log.warning("%s did not commit %s: %s", self._subscription.id, offsets, reason)
        for partition in offsets:
            self._counts[partition].errors["commit"] = f"not committed: {reason}"

    async def _release(self, *, lost: bool = False) -> None:
        """Let go of the partitions, once: what was sent gets its time, then one commit. Neither if they are lost."""
        assignment, self._assignment = self._assignment, None
        if assignment is None:
            return
        await assignment.close(0 if lost else self._timing.drain)
        if not lost:
            await self._commit(assignment, assignment.commits_left())
            self._report_progress(assignment)

    def _report_now_and_then(self) -> None:
        if time.monotonic() >= self._report_at:
            self._report_at = time.monotonic() + REPORT_SECONDS
            self._report_progress(self._assignment)

    def _report_progress(self, assignment: Assignment | None) -> None:
        partitions = assignment.progress(self._ends(), time.monotonic()) if assignment else []
        counts = self._counts.values()
        self._report(
            ConsumerProgress(
                partitions=partitions[:PARTITIONS_REPORTED],
                in_flight=assignment.in_flight if assignment else 0,
                rate=round(sum(partition.rate for partition in partitions), 1),
                oldest_in_flight_seconds=max((p.oldest_in_flight_seconds for p in partitions), default=0.0),
                received=sum(each.received for each in counts),
                delivered=sum(each.delivered for each in counts),
                dead_lettered=sum(each.dead_lettered for each in counts),
                last_error=next((each.last_error for each in counts if each.last_error), None),
            )
        )

    def _ends(self) -> dict[int, int]:
        marks = {tp.partition: self._client.highwater(tp) for tp in self._client.assignment()}
        return {partition: end for partition, end in marks.items() if end is not None}

    def _source(self, partition: int) -> str:
        s = self._subscription
        epoch = self._configured_epoch or (self._watch.topic and self._watch.topic.incarnation)
        return f"{s.cluster}/{s.topic}/{epoch}/{partition}"

    def _answered(self, what: str, seconds: float) -> AbstractAsyncContextManager[None]:
        return answered(self._subscription.cluster, f"{what} ({self._subscription.topic!r})", seconds)

    def _tp(self, partition: int) -> TopicPartition:
        return TopicPartition(self._subscription.topic, partition)
