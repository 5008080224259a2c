"""The stack with a Kafka of the user's own."""

import json
import uuid
from dataclasses import replace
from pathlib import Path

import httpx2
from aiokafka import AIOKafkaProducer

from devstack.ports import free_ports
from devstack.stack import Stack
from tests.brokers.apache import ApacheKafka
from tests.brokers.fixtures import make_topic
from tests.eventually import eventually


def ignore(name: str, line: str) -> None: ...


async def test_a_stack_without_a_broker_consumes_from_a_cluster_of_kafka_clusters(
    tmp_path: Path, apache_kafka: ApacheKafka
) -> None:
    topic = f"posts-{uuid.uuid4().hex[:8]}"
    await make_topic(apache_kafka.address, topic)
    settings = {
        "KAFKA_CLUSTERS": json.dumps({"own": apache_kafka.address}),
        "KAFKA_ALLOWED": json.dumps({"own": [topic]}),
        "MODERATION_POLL_INTERVAL": "PT0.2S",
    }
    stack = Stack(tmp_path, replace(free_ports(), broker=None), settings, ignore)
    async with stack, httpx2.AsyncClient(base_url=stack.gateway_url, timeout=60) as gateway:
        assert list(stack.processes.pids()) == ["temporal", "workers", "gateway"]
        body = {"source": f"kafka://own/{topic}", "sink": "service://UserFeed/processPost"}
        created = await gateway.post("/subscriptions", json={**body, "options": {"key.format": "json"}})
        assert created.status_code == httpx2.codes.CREATED, created.text
        async with AIOKafkaProducer(bootstrap_servers=apache_kafka.address) as producer:
            await producer.send_and_wait(topic, b'{"content": "hello", "metadata": ""}', b'"userid1"')

        async def delivered() -> bool:
            consumers = (await gateway.get(f"/subscriptions/{created.json()['id']}")).json()["consumers"]
            return bool(sum(consumer["delivered"] for consumer in consumers) == 1)

        await eventually(delivered)
        other = await gateway.post("/subscriptions", json={**body, "source": f"kafka://my-cluster/{topic}"})
        assert "known clusters: own" in other.json()["detail"]
