"""Delivers records: each key's in order, until Temporal has them or the partitions are gone."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from domain.dead_letter import Stage, read_return
from domain.inbox import Batch, Message, origin
from domain.payload import Payload
from domain.records import Poison, Record, read_key, read_message
from workers.kafka.decisions.counts import Counts
from workers.kafka.decisions.lanes import Lanes, Limits

log = logging.getLogger(__name__)

FIRST_BACKOFF_SECONDS = 0.1
LONGEST_BACKOFF_SECONDS = 10.0
DEAD_LETTERS = "/dead-letters"
"""The lane of poison. Keys have no slash."""


class BatchRefused(Exception):
    """The receiver will never take this batch as it is."""


class Sink(Protocol):
    """Receives the messages of one key."""

    async def deliver(self, key: str, batch: Batch[Any]) -> None:
        """Return once the batch is durable. Raises `BatchRefused`; any other error means: try again."""


class DeadLetters(Protocol):
    """Keeps what cannot be delivered."""

    async def keep(self, record: Record, reason: Poison) -> None:
        """Return once the record is kept; any error means: try again."""


@dataclass(frozen=True)
class Item:
    """A record on its way: a message, or poison."""

    record: Record
    content: Message[Payload] | Poison

    @property
    def partition(self) -> int:
        return self.record.partition

    @property
    def size_bytes(self) -> int:
        return self.record.size_bytes


@dataclass(frozen=True)
class Route:
    """Where records go, what their values mean, and how many go at once."""

    sink: Sink
    dead_letters: DeadLetters
    body: type[Payload]
    limits: Limits
    subscription: str = ""
    """Its ID: records that were re-driven for another one are passed over."""


class Delivery:
    """Takes the records of one assignment to the sink or to the dead letters."""

    def __init__(
        self,
        route: Route,
        source: Callable[[int], str],
        finished: Callable[[Record], None],
        counts: Mapping[int, Counts],
    ) -> None:
        """`source` names a partition in batches; `finished` is told of every record that is done with.

        `counts` has each partition's.
        """
        self._route = route
        self._lanes: Lanes[Item] = Lanes(route.limits)
        self._source = source
        self._finished = finished
        self._counts = counts
        self._calls: set[asyncio.Task[None]] = set()
        self._closed = False
        self._fault: BaseException | None = None

    @property
    def in_flight(self) -> int:
        return len(self._calls)

    def accept(self, records: Iterable[Record]) -> None:
        """Queue records and return at once. Those of one key travel together, as far as the limits allow."""
        for record in records:
            self._queue(record)
        self._start_calls()

    def _queue(self, record: Record) -> None:
        self._counts[record.partition].received += 1
        returned = read_return(record.topic, record.headers)
        if returned and returned.subscription != self._route.subscription:
            self._finished(record)
            return
        try:
            lane = read_key(record)
            self._lanes.add(lane, Item(record, read_message(record, self._route.body)))
        except Poison as poison:
            self._lanes.add(DEAD_LETTERS, Item(record, poison))

    def check(self) -> None:
        """Raises what ended a call before its records were done with: a fault of this program."""
        if self._fault is not None:
            raise self._fault

    async def close(self, patience_seconds: float) -> None:
        """Drop what waits, give what is in flight its time, cancel the rest."""
        self._closed = True
        self._lanes.clear()
        if not self._calls:
            return
        _, late = await asyncio.wait(self._calls, timeout=patience_seconds)
        for call in late:
            call.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _start_calls(self) -> None:
        while not self._closed and (taken := self._lanes.take()):
            call = asyncio.create_task(self._run(*taken))
            self._calls.add(call)
            call.add_done_callback(self._ended)

    def _ended(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            self._fault = self._fault or call.exception()

    async def _run(self, lane: str, items: list[Item]) -> None:
        try:
            if lane == DEAD_LETTERS:
                poison = [(item.record, item.content) for item in items if isinstance(item.content, Poison)]
                await asyncio.gather(*(self._bury(record, reason) for record, reason in poison))
            else:
                await self._deliver(lane, items)
        finally:
            self._lanes.finished(lane)
            self._start_calls()

    async def _deliver(self, key: str, items: Sequence[Item]) -> None:
        """Deliver, halving a batch that is refused until the record to blame stands alone."""
        batch = Batch[Any](messages=[item.content for item in items], source=self._source(items[0].partition))
        try:
            await self._persist(items[0].record, key, lambda: self._route.sink.deliver(key, batch))
        except BatchRefused as refused:
            await self._deliver_halves(key, items, refused)
            return
        self._counts[items[0].partition].delivered += len(items)
        log.info("%s has %s", key, ", ".join(message.origin for message in batch.messages))
        for item in items:
            self._finished(item.record)

    async def _deliver_halves(self, key: str, items: Sequence[Item], refused: BatchRefused) -> None:
        if len(items) == 1:
            await self._bury(items[0].record, Poison("Refused", str(refused), Stage.SINK))
            return
        middle = len(items) // 2
        await self._deliver(key, items[:middle])
        await self._deliver(key, items[middle:])

    async def _bury(self, record: Record, reason: Poison) -> None:
        await self._persist(record, record.id, lambda: self._route.dead_letters.keep(record, reason))
        log.warning("%s is a dead letter: %s: %s", origin(record.id, record.trace), reason.kind, reason)
        self._counts[record.partition].dead_lettered += 1
        self._finished(record)

    async def _persist(self, first: Record, what: str, call: Callable[[], Awaitable[None]]) -> None:
        """Try until it succeeds or is refused: an outage keeps records waiting, it never drops one."""
        errors = self._counts[first.partition].errors
        try:
            await self._until_it_succeeds(errors, what, call)
        finally:
            errors.pop(what, None)

    async def _until_it_succeeds(self, errors: dict[str, str], what: str, call: Callable[[], Awaitable[None]]) -> None:
        attempt = 0
        while True:
            try:
                return await call()
            except BatchRefused:
                raise
            except Exception as error:
                errors[what] = f"{type(error).__name__}: {error}"
                log.warning("%s: trying again after %s", what, errors[what])
            await asyncio.sleep(_backoff_seconds(attempt))
            attempt += 1


def _backoff_seconds(attempt: int) -> float:
    longest = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0 ** min(attempt, 10))
    return random.uniform(longest / 2, longest)  # noqa: S311
