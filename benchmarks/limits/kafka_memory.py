"""Records that are much larger in memory than on the broker's disk."""

import asyncio
import json
import uuid

from aiokafka import AIOKafkaProducer

from benchmarks.harness.bodies import location
from benchmarks.harness.stack import BenchmarkStack
from benchmarks.harness.topics import make_topic
from benchmarks.harness.waiting import wait_until
from benchmarks.limits.trial import Outcome, Trial, works

RECORD_BYTES = 500_000
KEYS = 50
MAX_GROWTH_MIB = 100
SAMPLE_SECONDS = 0.05


def kafka_memory_trial(bench: BenchmarkStack, records: int) -> Trial:
    """Deliver records of 500 KB, of which zstd makes a few hundred bytes each; the worker must not grow by 100 MiB."""

    async def deliver() -> Outcome:
        topic = f"large-{uuid.uuid4().hex[:8]}"
        await make_topic(bench.bootstrap, topic, partitions=1)
        await _write(bench.bootstrap, topic, records)
        before = most = bench.usage().resident_mib["workers"]
        async with bench.subscription(topic, "PackageTracker/updateLocation") as path:

            async def is_delivered() -> bool:
                nonlocal most
                most = max(most, bench.usage().resident_mib["workers"])
                consumers = (await bench.http.get(path)).json()["consumers"]
                return bool(sum(consumer["delivered"] for consumer in consumers) >= records)

            await wait_until(is_delivered, f"{path} has delivered all", pause_seconds=SAMPLE_SECONDS)
        grown = most - before
        return works(grown < MAX_GROWTH_MIB, "the bound does not hold", detail=f", worker grew by {grown:,.0f} MiB")

    return Trial("Kafka records of 500 KB, zstd", f"{records:,} records", deliver)


async def _write(bootstrap: str, topic: str, records: int) -> None:
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap, compression_type="zstd", max_request_size=2 * RECORD_BYTES, linger_ms=20
    ) as producer:
        for number in range(records):
            body = {**location(number), "ignored": "x" * RECORD_BYTES}
            key = f"{topic}-{number % KEYS}".encode()
            await producer.send(topic, json.dumps(body).encode(), key=key)
            await asyncio.sleep(0)
        await producer.flush()
