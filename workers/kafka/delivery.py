"""Delivers records: those of each key in order, retried until Temporal has them."""

import asyncio
import itertools
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from domain.dead_letter import Stage
from domain.inbox import Batch, origin
from domain.payload import Payload
from domain.record_keys import KeyFormat
from domain.records import Incoming, Poison, Record
from domain.subscription import SubscriptionBroken
from domain.traces import Cause
from infra.retry_log import RetryLog
from infra.tracing import spans
from workers.kafka.decisions.budget import memory_bytes
from workers.kafka.decisions.counts import Counts
from workers.kafka.decisions.lanes import Lanes, Limits
from workers.kafka.decisions.partition import Partition

log = logging.getLogger(__name__)

FIRST_BACKOFF_SECONDS = 0.1
MAX_BACKOFF_SECONDS = 10.0
DEAD_LETTER_LANE = "/dead-letters"
"""The lane of poison. No key contains a slash."""


class BatchRefused(Exception):
    """The receiver would refuse the same batch each time."""


class Sink(Protocol):
    """Receives the messages of one key."""

    async def deliver(self, key: str, batch: Batch[Any]) -> None:
        """Return once the batch is durable. Raises `BatchRefused`; retry after any other error."""


class DeadLetterSink(Protocol):
    """Receives the records that cannot be delivered."""

    async def write(self, incoming: Incoming, reason: Poison, source: str) -> None:
        """Return once the dead letter is durable. Raises `SubscriptionBroken`; retry after any other error.

        `source` is the partition that the record was read from, see `Batch.source`.
        """


@dataclass(frozen=True)
class Destination:
    """Where a subscription's records go, how their keys and values are read, and how many are sent at once."""

    sink: Sink
    dead_letters: DeadLetterSink
    body: type[Payload]
    limits: Limits
    subscription: str = ""
    """The subscription's ID: records that were redriven for another one are skipped."""
    key_format: KeyFormat = KeyFormat.STRING


class Delivery:
    """Takes the records of a consumer's partitions to the sink or to the dead letters.

    A record is finished, and its offset may be committed, once either has it.
    """

    def __init__(self, destination: Destination, partitions: Mapping[int, Partition]) -> None:
        self._destination = destination
        self._partitions = partitions
        self._lanes: Lanes[Incoming] = Lanes(destination.limits)
        self._calls: set[asyncio.Task[None]] = set()
        self._closed = False
        self._fault: BaseException | None = None
        name = destination.subscription or "Kafka"
        self._delivering = RetryLog(log, f"{name}: delivering records")
        self._dead_lettering = RetryLog(log, f"{name}: writing dead letters")

    @property
    def in_flight(self) -> int:
        return len(self._calls)

    def accept(self, records: Iterable[Record], now: float) -> None:
        """Queue records and return without waiting. Those of one key are sent together, within the limits."""
        for record in records:
            partition = self._partitions[record.partition]
            partition.tracker.received(record.offset, memory_bytes(record), now)
            partition.counts.received += 1
            self._queue(Incoming.parse(record, self._destination.body, self._destination.key_format))
        self._start_calls()

    def check(self) -> None:
        """Raise the error that ended a call before its records were finished: `SubscriptionBroken`, or a bug."""
        if self._fault is not None:
            raise self._fault

    async def close(self, patience_seconds: float) -> None:
        """Drop what is queued, wait for the calls in flight, and cancel those that are late."""
        self._closed = True
        self._lanes.clear()
        if not self._calls:
            return
        _, late = await asyncio.wait(self._calls, timeout=patience_seconds)
        for call in late:
            call.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _queue(self, incoming: Incoming) -> None:
        if incoming.redriven and incoming.redriven.subscription != self._destination.subscription:
            self._finish(incoming)
        elif incoming.key is None or isinstance(incoming.content, Poison):
            self._lanes.add(DEAD_LETTER_LANE, incoming)
        else:
            self._lanes.add(incoming.key, incoming)

    def _start_calls(self) -> None:
        while not self._closed and (taken := self._lanes.take()):
            call = asyncio.create_task(self._run(*taken))
            self._calls.add(call)
            call.add_done_callback(self._ended)

    def _ended(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            self._fault = self._fault or call.exception()

    async def _run(self, lane: str, batch: list[Incoming]) -> None:
        try:
            if lane == DEAD_LETTER_LANE:
                poison = [(each, each.content) for each in batch if isinstance(each.content, Poison)]
                await _all(self._dead_letter(each, reason) for each, reason in poison)
            else:
                await self._deliver(lane, batch)
        finally:
            self._lanes.finished(lane)
            self._start_calls()

    async def _deliver(self, key: str, incoming: Sequence[Incoming]) -> None:
        """Send the messages of one key and partition. A batch that is refused is halved until one record remains."""
        partition = self._partitions[incoming[0].partition]
        batch = Batch[Any](messages=[each.content for each in incoming], source=partition.source)
        try:
            with _processing(incoming):
                await _retried(
                    self._delivering, key, partition.counts, lambda: self._destination.sink.deliver(key, batch)
                )
        except BatchRefused as refused:
            if len(incoming) == 1:
                await self._dead_letter(incoming[0], Poison("Refused", str(refused), Stage.SINK))
                return
            middle = len(incoming) // 2
            await self._deliver(key, incoming[:middle])
            await self._deliver(key, incoming[middle:])
            return
        partition.counts.delivered += len(incoming)
        log.info("delivered to %s: %s", key, ", ".join(message.origin for message in batch.messages))
        for each in incoming:
            self._finish(each)

    async def _dead_letter(self, incoming: Incoming, reason: Poison) -> None:
        record, partition = incoming.record, self._partitions[incoming.partition]
        counts, write = partition.counts, self._destination.dead_letters.write
        await _retried(self._dead_lettering, record.id, counts, lambda: write(incoming, reason, partition.source))
        name = origin(record.id, record.trace)
        log.warning("%s is a dead letter (%s: %s); redrive it once the cause is fixed", name, reason.kind, reason)
        counts.dead_lettered += 1
        self._finish(incoming)

    def _finish(self, incoming: Incoming) -> None:
        self._partitions[incoming.partition].tracker.finished(incoming.record.offset)


def _processing(incoming: Sequence[Incoming]) -> AbstractContextManager[spans.ActiveSpan]:
    """The span of records that are delivered together, see `Cause.of`."""
    if not spans.is_on():
        return spans.NOTHING
    record = incoming[0].record
    about = spans.kafka("process", record.topic) | {"messaging.destination.partition.id": f"{record.partition}"}
    if len(incoming) == 1:
        about |= {"messaging.kafka.offset": record.offset}
    else:
        about |= {"messaging.batch.message_count": len(incoming)}
    cause = Cause.of(each.record.trace for each in incoming)
    return spans.span(f"process {record.topic}", "CONSUMER", cause, about)


async def _retried(retry_log: RetryLog, what: str, counts: Counts, call: Callable[[], Awaitable[None]]) -> None:
    """Call until it succeeds, or raises an error that stays: an outage delays records and never drops one.

    While it fails, `counts.errors` has the last error under `what`.
    """
    try:
        for attempt in itertools.count():
            try:
                await call()
            except (BatchRefused, SubscriptionBroken):
                raise
            except Exception as error:
                counts.errors[what] = f"{type(error).__name__}: {error}"
                retry_log.failed(error)
            else:
                retry_log.worked()
                return
            await asyncio.sleep(_backoff_seconds(attempt))
    finally:
        counts.errors.pop(what, None)


async def _all(calls: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run the calls at the same time. The first error ends them all."""
    tasks = [asyncio.create_task(call) for call in calls]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def _backoff_seconds(attempt: int) -> float:
    upper = min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0 ** min(attempt, 10))
    return random.uniform(upper / 2, upper)  # noqa: S311
