"""Where a consumer reads in each of its partitions: where it begins, and what it does at offsets that the log lacks."""

import logging
from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from domain.checkpoint import Checkpoint
from domain.subscription import Subscription, SubscriptionBroken
from infra.kafka.deadlines import DEADLINES, answered
from workers.kafka.client import commits_of
from workers.kafka.decisions.beginning import beginning
from workers.kafka.decisions.counts import EXPIRED
from workers.kafka.decisions.partition import Partition
from workers.kafka.topic_watch import TopicWatch

log = logging.getLogger(__name__)

BEGIN_SECONDS = 30.0


@dataclass(frozen=True)
class Beginning:
    """Where one partition begins, and what the group had committed before that."""

    position: int
    committed: int | None


class Positions:
    """The positions of one consumer's client. Its methods raise `KafkaUnreachable`."""

    def __init__(self, client: AIOKafkaConsumer, subscription: Subscription, watch: TopicWatch) -> None:
        self._client = client
        self._subscription = subscription
        self._watch = watch

    async def begin(self, partitions: Iterable[int], known: Checkpoint | None) -> dict[int, Beginning]:
        """Set the positions where `beginning` says. `known` is the checkpoint of the topic's present incarnation.

        A partition without any offset was added to the topic after the subscription began.
        """
        beginnings: dict[int, Beginning] = {}
        async with self._answered("where to begin", BEGIN_SECONDS):
            commits = await commits_of(self._client, map(self._tp, partitions))
            for tp, committed in commits.items():
                position = await self._seek(tp, beginning(tp.partition, committed, known))
                beginnings[tp.partition] = Beginning(position, min(committed.offset, position) if committed else None)
                if committed and position < committed.offset:
                    log.info(
                        "%s: partition %d begins at %d: the group has committed %d, but Temporal does not know the "
                        "records between them to be finished",
                        self._subscription.name,
                        tp.partition,
                        position,
                        committed.offset,
                    )
        return beginnings

    async def skip_gaps(self, partitions: Mapping[int, Partition]) -> None:
        """Count as read what the client leaves out: records of aborted transactions, and transaction markers."""
        async with self._answered("a position", DEADLINES.answer):
            for number, partition in partitions.items():
                partition.tracker.skip_to(await self._client.position(self._tp(number)))

    def ends(self) -> dict[int, int]:
        """Return the ends of the logs, where a fetch has brought them."""
        marks = {tp.partition: self._client.highwater(tp) for tp in self._client.assignment()}
        return {partition: end for partition, end in marks.items() if end is not None}

    def fetches(self, numbers: Iterable[int]) -> dict[int, int | None]:
        """Return when each partition was last fetched, in milliseconds since 1970; None if it was not.

        Partitions of which fetched records are left are left out: they need no fetch.
        """
        tps = {number: self._tp(number) for number in numbers}
        fetched = self._client._fetcher._records if tps else ()
        return {number: self._client.last_poll_timestamp(tp) for number, tp in tps.items() if tp not in fetched}

    async def check_ends(self, partitions: Mapping[int, Partition]) -> None:
        """Raise `SubscriptionBroken` or `TopicChanged` for a position beyond the end of the log.

        Some brokers do not answer a fetch from there, so no `OffsetOutOfRangeError` comes.
        """
        ends = self.ends()
        for number, partition in partitions.items():
            position = partition.tracker.position
            if position > ends.get(number, position):
                await self._check_end(self._tp(number), position)

    async def recover(self, error: OffsetOutOfRangeError, partitions: Mapping[int, Partition]) -> None:
        """Continue with the oldest record if those at the position have expired.

        Raises `SubscriptionBroken` or `TopicChanged` if the position is beyond the end of the log.
        """
        (tp, offset), *_ = error.args[0].items()
        async with self._answered("where its log begins", DEADLINES.start):
            beginning = (await self._client.beginning_offsets([tp]))[tp]
        if offset >= beginning:
            await self._check_end(tp, offset)
            return  # the broker that reported the error had not caught up; the client fetches again
        expired = f"{offset} to {beginning - 1} of partition {tp.partition} expired before they were read"
        log.error("%s: records %s; check the lag and the topic's retention", self._subscription.name, expired)
        self._client.seek(tp, beginning)
        if partition := partitions.get(tp.partition):
            partition.counts.errors[EXPIRED] = expired
            partition.tracker.skip_to(beginning)

    async def _seek(self, tp: TopicPartition, offset: int | None) -> int:
        if offset is not None:
            self._client.seek(tp, offset)
            return offset
        await self._client.seek_to_beginning(tp)
        position: int = await self._client.position(tp)
        return position

    async def _check_end(self, tp: TopicPartition, offset: int) -> None:
        """Raise `SubscriptionBroken` if the log ends before `offset`: if the broker, asked twice, says so twice.

        The end that comes with a fetch proves nothing: it can be older than the records beside it.
        """
        for _ in range(2):
            async with self._answered("where its log ends", DEADLINES.start):
                end = (await self._client.end_offsets([tp]))[tp]
            if end >= offset:
                return
        await self._watch.check()
        raise SubscriptionBroken(
            f"Group {self._subscription.group!r} is at offset {offset} of partition {tp.partition}, but "
            f"{self._subscription.topic!r} ends at {end}: the topic lost records or was recreated. "
            "Set the group's offsets with kafka-consumer-groups --reset-offsets and resume, or subscribe with another "
            "group.id."
        )

    def _answered(self, what: str, seconds: float) -> AbstractAsyncContextManager[None]:
        return answered(self._subscription.cluster, f"{what} ({self._subscription.topic!r})", seconds)

    def _tp(self, partition: int) -> TopicPartition:
        return TopicPartition(self._subscription.topic, partition)
