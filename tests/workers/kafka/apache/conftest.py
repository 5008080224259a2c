"""Tests of what only Apache Kafka has."""

from collections.abc import AsyncIterator

import pytest

from tests.brokers.apache import ApacheKafka
from tests.brokers.fixtures import Topics, open_topics
from tests.workers.kafka.apache.letters import MIB, World, open_world


@pytest.fixture(scope="session", params=["apache_kafka", "default_kafka"])
def apache_broker(request: pytest.FixtureRequest) -> str:
    """Each test runs on a strict broker and on one with Kafka's default settings."""
    kafka: ApacheKafka = request.getfixturevalue(request.param)
    return kafka.address


@pytest.fixture
async def apache_topics(apache_broker: str) -> AsyncIterator[Topics]:
    async with open_topics(apache_broker) as topics:
        yield topics


@pytest.fixture
async def world(apache_broker: str, apache_topics: Topics) -> AsyncIterator[World]:
    """Its source topic accepts records of 8 MiB, and any timestamp."""
    topic = await apache_topics.make(max_message_bytes=str(8 * MIB), message_timestamp_after_max_ms=str(2**62))
    async with open_world(apache_broker, apache_topics, topic) as world:
        yield world
