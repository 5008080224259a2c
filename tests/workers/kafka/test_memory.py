"""What the consumers of a process hold in memory is bounded by bytes, however the records are packed."""

import asyncio
import json
import sys
from dataclasses import dataclass

import pytest
from aiokafka import AIOKafkaProducer

from tests.brokers.fixtures import Topics

MAX_GROWTH_MIB = 100


@dataclass(frozen=True)
class Load:
    """So many records in each of so many topics, `together` in one batch."""

    records: int
    size: int
    together: int
    codec: str | None = "zstd"
    topics: int = 1
    partitions: int = 1

    async def write(self, broker: str, topic: str) -> None:
        async with AIOKafkaProducer(
            bootstrap_servers=broker,
            compression_type=self.codec,
            max_batch_size=self.together * (self.size + 1_000),
            max_request_size=1 << 30,
            linger_ms=1_000,
        ) as producer:
            for number in range(self.records):
                await producer.send(
                    topic, self._post(number), key=f"user{number % 50}".encode(), partition=number % self.partitions
                )
            await producer.flush()

    def _post(self, number: int) -> bytes:
        return json.dumps({"content": str(number), "metadata": "", "ignored": "x" * self.size}).encode()


async def growth_mib(broker: str, records: int, *topics: str) -> int:
    """How much a process grows that consumes the topics until it has delivered all records."""
    arguments = [sys.executable, "-m", "tests.workers.kafka.memory_probe", broker, str(records), *topics]
    probe = await asyncio.create_subprocess_exec(*arguments, stdout=asyncio.subprocess.PIPE)
    output, _ = await probe.communicate()
    assert probe.returncode == 0
    return int(output)


@pytest.mark.any_broker
@pytest.mark.parametrize(
    "load",
    [
        pytest.param(Load(400, 500_000, together=2), id="200 MB of large records that are 66 KB on disk"),
        pytest.param(Load(400, 500_000, together=400), id="200 MB in one batch"),
        pytest.param(Load(50, 500_000, together=1, topics=8), id="200 MB for eight consumers"),
        pytest.param(Load(400, 500_000, together=1, codec=None, partitions=40), id="40 partitions, not compressed"),
        pytest.param(Load(20_000, 10, together=10_000), id="many small records"),
    ],
)
async def test_a_process_grows_by_less_than_100_mib(broker: str, topics: Topics, load: Load) -> None:
    names = [await topics.make(load.partitions) for _ in range(load.topics)]
    for name in names:
        await load.write(broker, name)
    grown = await growth_mib(broker, load.records * load.topics, *names)
    assert grown < MAX_GROWTH_MIB
