"""Records from a topic, in order of their keys.

DBOS's own consumer keeps the order of a partition by starting one record of it for each poll of a queue. This one keeps
the order of a key, which is what the patterns need, and handles different keys concurrently.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable

from aiokafka import AIOKafkaConsumer, ConsumerRecord

from benchmarks.harness.waiting import wait_until

Handle = Callable[[str, str, bytes], Awaitable[None]]
"""Takes a record's ID, which is the same when it is delivered again, its key and its value. Returns once it is durable,
and if it must be done before the next record of the key, once it is done."""

_LOOK_FOR_TOPIC_SECONDS = 0.5
_MAX_RECORDS = 500
_WAIT_MS = 100
_JOIN_FAST = {"session_timeout_ms": 6_000, "heartbeat_interval_ms": 500, "auto_offset_reset": "earliest"}


async def consume(bootstrap: str, topic: str, handle: Handle) -> None:
    """Wait until the topic exists, then handle its records until cancelled. Offsets are committed afterwards."""
    async with AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id=f"dbos-{topic}", enable_auto_commit=False, **_JOIN_FAST
    ) as consumer:

        async def is_there() -> bool:
            return topic in await consumer.topics()

        await wait_until(is_there, f"the topic {topic}", _LOOK_FOR_TOPIC_SECONDS)
        consumer.subscribe([topic])
        while True:
            batches = await consumer.getmany(timeout_ms=_WAIT_MS, max_records=_MAX_RECORDS)
            by_key: dict[str, list[ConsumerRecord]] = defaultdict(list)
            for record in (record for batch in batches.values() for record in batch):
                by_key[record.key.decode()].append(record)
            if by_key:
                await asyncio.gather(*(_in_order(key, records, handle) for key, records in by_key.items()))
                await consumer.commit()


async def _in_order(key: str, records: Iterable[ConsumerRecord], handle: Handle) -> None:
    for record in records:
        await handle(f"{record.topic}-{record.partition}-{record.offset}", key, record.value)
