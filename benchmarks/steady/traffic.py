"""Writes the records of a load at its rate, each once and in order, also while the cluster's nodes restart."""

import asyncio
import time
from dataclasses import dataclass, replace
from functools import partial

from aiokafka import AIOKafkaProducer
from aiokafka.structs import RecordMetadata

from benchmarks.steady.load import Load

TICK_SECONDS = 0.05
WRITTEN_WITHIN_SECONDS = 300
"""How long a record may wait for its partition's leader. An idempotent producer repeats a write until then."""


class NotWritten(Exception):
    """Kafka did not take a record in time, so it is unknown whether the topic has it."""


@dataclass(frozen=True)
class Sent:
    number: int
    at: float
    """By the monotonic clock."""


class Traffic:
    """`sent` records were handed to the producer; all replicas in sync have `written` of them.

    It ends after the load's time, but not before `last_event`: restarts must happen under load, and take long on a slow
    machine.
    """

    def __init__(self, load: Load, bootstrap: str) -> None:
        self.load = load
        self.last_event = asyncio.Event()
        self.is_over = False
        self.sent = 0
        self.written = 0
        self.newest = Sent(-1, time.monotonic())
        """The latest record that is no poison; number -1 before there is one."""
        self._bootstrap = bootstrap
        self._failure: BaseException | None = None

    async def run(self) -> Load:
        """Return when every record is written: the load, as long as it became. Raises `NotWritten`."""
        began = time.monotonic()
        async with AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            acks="all",
            enable_idempotence=True,
            linger_ms=5,
            request_timeout_ms=WRITTEN_WITHIN_SECONDS * 1000,
        ) as producer:
            while self.sent < self.load.records or not self.last_event.is_set():
                due = round((time.monotonic() - began) * self.load.rate)
                if self.last_event.is_set():
                    due = min(due, max(self.sent, self.load.records))
                while self.sent < due:
                    await self._send(producer)
                await asyncio.sleep(TICK_SECONDS)
            self.is_over = True
            await producer.flush()
        self._check()
        return replace(self.load, seconds=self.sent / self.load.rate)

    async def _send(self, producer: AIOKafkaProducer) -> None:
        self._check()
        record = self.load.record(self.sent)
        written = await producer.send(self.load.topic, record.value, key=record.key, partition=record.partition)
        written.add_done_callback(partial(self._note, self.sent))
        if not self.load.poison(self.sent):
            self.newest = Sent(self.sent, time.monotonic())
        self.sent += 1

    def _note(self, number: int, written: "asyncio.Future[RecordMetadata]") -> None:
        error = None if written.cancelled() else written.exception()
        if error is None:
            self.written += 1
        else:
            self._failure = NotWritten(f"Kafka did not take record {number}: {error!r}.")

    def _check(self) -> None:
        if self._failure:
            raise self._failure
