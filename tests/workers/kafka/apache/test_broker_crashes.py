"""Dead letters survive crashes of the broker."""

import asyncio
import contextlib
from collections.abc import Iterator

import pytest
from aiokafka.errors import KafkaError

from infra.kafka.clusters import KafkaClusters
from infra.kafka.deadlines import KafkaUnreachable
from tests.brokers.apache import DEFAULTS, STRICT, Node
from tests.conftest import own_node
from tests.eventually import eventually
from tests.workers.kafka.apache.letters import World


@pytest.fixture(scope="module", params=[STRICT, DEFAULTS], ids=["strict", "default settings"])
def node(
    request: pytest.FixtureRequest, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Node]:
    with own_node(pytestconfig, tmp_path_factory.mktemp("kafka"), request.param) as running:
        yield running


@pytest.fixture
def apache_broker(node: Node) -> str:
    """The broker that the tests crash."""
    return node.kafka.address


async def test_letters_survive_a_crash_of_the_broker_and_each_is_redriven_once(node: Node, world: World) -> None:
    for number in range(20):
        await world.write(b"ann", b"{%d" % number)
    async with world.consuming() as running:
        await running.committed(20)
    for letter in (await world.listed())[:5]:
        await world.letters.redrive_each(world.sub, [(letter.partition, letter.offset)])
    await asyncio.to_thread(node.restart_after_a_crash)
    await eventually(lambda: _answers(world))
    assert len(await world.listed()) == 15
    assert (await world.redrive_all()).redriven == 15
    redriven = [record.value for record in (await world.records())[20:]]
    assert sorted(redriven) == sorted(b"{%d" % number for number in range(20))


async def test_a_crash_of_the_broker_while_letters_are_written_and_redriven_leaves_one_letter_of_each_record(
    node: Node, world: World
) -> None:
    async def consume() -> None:
        while True:
            with contextlib.suppress(KafkaError, ConnectionError):
                async with world.consuming() as running:
                    await running.until(lambda: False)

    async def listed_with(attempts: int) -> bool:
        try:
            letters = await world.listed()
        except KafkaUnreachable:
            return False
        return sorted((each.origin, each.attempts) for each in letters) == [(name, attempts) for name in sorted(names)]

    async def crash() -> None:
        await asyncio.to_thread(node.restart_after_a_crash)

    for number in range(100):
        await world.write(b"ann", b"{%d" % number)
    topic = await KafkaClusters({"local": world.address}).topic("local", world.sub.topic)
    assert topic is not None
    names = [f"{world.sub.topic}-0-{offset}@{topic.incarnation}" for offset in range(100)]
    consuming = asyncio.create_task(consume())
    await crash()
    await eventually(lambda: listed_with(1))
    crashing = asyncio.create_task(crash())
    with contextlib.suppress(KafkaUnreachable):
        await world.redrive_all()
    await crashing
    await eventually(lambda: _redriven(world))
    consuming.cancel()
    await asyncio.wait({consuming})
    await eventually(lambda: listed_with(2))


async def _redriven(world: World) -> bool:
    """Redrive what is still at its first attempt, until nothing is."""
    try:
        first = [letter for letter in await world.listed() if letter.attempts == 1]
        for letter in first:
            await world.letters.redrive_each(world.sub, [(letter.partition, letter.offset)])
        return not first and len(await world.listed()) == 100
    except KafkaUnreachable:
        return False


async def _answers(world: World) -> bool:
    try:
        return bool(await world.listed())
    except KafkaUnreachable:
        return False
