"""Tests of what only Apache Kafka has."""

from collections.abc import AsyncIterator

import pytest

from tests.brokers.fixtures import Topics, open_topics


@pytest.fixture
async def apache_topics(apache_broker: str) -> AsyncIterator[Topics]:
    async with open_topics(apache_broker) as topics:
        yield topics
