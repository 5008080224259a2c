"""A storm that kills the broker too: Apache Kafka, which keeps its records on disk."""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.brokers.apache import Node
from tests.chaos.faults import killer
from tests.chaos.kafka_storm import Flow, storm
from tests.chaos.stormy_stack import FULL, stormy_stack
from tests.conftest import own_node


@pytest.fixture
def node(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with own_node(pytestconfig, tmp_path_factory.mktemp("kafka")) as running:
        yield running


@pytest.mark.timeout(1200)
async def test_kills_of_apache_kafka_too_lose_and_double_nothing(
    tmp_path: Path, node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    records, keys, per_second = (100_000, 1_000, 700) if FULL else (1_000, 20, 60)
    flow = Flow(records, keys, 4, "apache", node.kafka.address)

    async def kill_broker() -> str:
        await asyncio.shield(asyncio.to_thread(node.restart_after_a_crash))
        return "broker"

    async with stormy_stack(tmp_path, KAFKA_CLUSTERS=json.dumps({"apache": node.kafka.address})) as (stack, http):
        kills = [killer(stack, "workers"), killer(stack, "temporal"), kill_broker]
        report = await storm(stack, http, flow, kills, per_second)
    with capsys.disabled():
        sys.stdout.write(f"\n{report}\n")
