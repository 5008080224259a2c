"""Three nodes of Apache Kafka: what is written stays, whichever of them is missing."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from devstack.apache_kafka.cluster import KafkaCluster
from tests.conftest import apache_kafka_jars

TOPIC = "posts"


@pytest.fixture
async def cluster(pytestconfig: pytest.Config, tmp_path: Path) -> AsyncIterator[KafkaCluster]:
    with (tmp_path / "log.txt").open("w") as log:
        jars = apache_kafka_jars(pytestconfig)
        async with KafkaCluster(jars, tmp_path, lambda name, line: print(name, line, file=log, flush=True)) as running:
            yield running


async def write(cluster: KafkaCluster, value: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=cluster.bootstrap, acks="all") as producer:
        await producer.send_and_wait(TOPIC, value.encode(), partition=0)


async def read(cluster: KafkaCluster, count: int) -> list[str]:
    async with AIOKafkaConsumer(TOPIC, bootstrap_servers=cluster.bootstrap, auto_offset_reset="earliest") as consumer:
        return [(await consumer.getone()).value.decode() for _ in range(count)]


async def test_records_are_taken_while_a_node_is_missing_and_kept_when_each_restarts(cluster: KafkaCluster) -> None:
    await cluster.make_topic(TOPIC, partitions=1)
    await write(cluster, "three nodes")
    await cluster.processes.kill("kafka-2")
    await write(cluster, "two nodes")
    await cluster.processes.start("kafka-2")
    await cluster.all_in_sync()
    before = cluster.processes.pids()
    await cluster.restart("kafka-1")
    await cluster.restart("kafka-3", crash=True)
    after = cluster.processes.pids()
    assert [name for name in cluster.names if before[name] == after[name]] == ["kafka-2"]
    assert await read(cluster, 2) == ["three nodes", "two nodes"]
