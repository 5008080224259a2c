"""Rows that begin in a topic. The subscription exists already; the records arrive while they are counted.

How many records are written depends on how quick the system is: their number grows until it takes long enough to be
measured well, and the smaller numbers before were the warm-up.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Literal

from benchmarks.compare.load.jobs import Records, Report
from benchmarks.compare.session import Measured, Session, WrongResult
from benchmarks.compare.systems.system import PARTITIONS
from benchmarks.harness.topics import make_topic, topic_of

FIRST_RECORDS, MAX_RECORDS = 200, 200_000
MIN_GROWTH, MAX_GROWTH = 3.0, 8.0
"""From one number of records to the next."""
GIVE_UP_AFTER_SECONDS = 120
SHORTEST_PAUSE_SECONDS, PAUSE_SHARE = 0.02, 0.04
"""Between two looks: a share of the time so far, so that looking costs little and the time is right within 4%."""


async def subscribed_topic(session: Session, service: str, handler: str) -> str:
    """The topic of this handler. It is made and subscribed to once: joining a consumer group takes seconds."""
    sink = f"service://{service}/{handler}"
    if sink not in session.topics:
        topic = topic_of(handler)
        await make_topic(session.system.bootstrap, topic, PARTITIONS)
        await session.system.subscribe(topic, sink)
        session.topics[sink] = topic
    return session.topics[sink]


async def grow(session: Session, measure: Callable[[int], Awaitable[Measured]], first_records: int) -> Measured:
    """Measure with more and more records, until it takes as long as a row loads a system."""
    records = first_records
    while True:
        measured = await measure(records)
        if measured.seconds >= session.seconds or records == MAX_RECORDS:
            return measured
        growth = max(MIN_GROWTH, min(MAX_GROWTH, session.seconds / measured.seconds))
        records = min(MAX_RECORDS, int(records * growth))


async def write_until(session: Session, job: Records, is_done: Callable[[], Awaitable[bool]]) -> Report:
    """Write the records. The report's time goes on until `is_done`. Raises `WrongResult` if it never is."""
    began = time.perf_counter()
    writing = asyncio.create_task(session.generator.do(job))
    while not await is_done():
        elapsed = time.perf_counter() - began
        if elapsed > GIVE_UP_AFTER_SECONDS:
            raise WrongResult(f"not done after {elapsed:.0f} s")
        await asyncio.sleep(max(SHORTEST_PAUSE_SECONDS, PAUSE_SHARE * elapsed))
    report = await writing
    report.seconds = time.perf_counter() - began
    return report


def records_job(
    session: Session, topic: str, kind: Literal["location", "post"], *, prefix: str, keys: int, numbers: range
) -> Records:
    """Record `n` of `numbers` is of the key `prefix-(n % keys)`."""
    return Records(
        bootstrap=session.system.bootstrap,
        topic=topic,
        partitions=PARTITIONS,
        prefix=prefix,
        keys=keys,
        first=numbers.start,
        records=len(numbers),
        kind=kind,
    )
