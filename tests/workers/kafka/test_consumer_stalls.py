"""A consumer whose records do not move reports why, within seconds, until they move again."""

import asyncio
from contextlib import AsyncExitStack

from tests.brokers.embedded import running_broker
from tests.brokers.fixtures import Topics, open_topics, subscription
from tests.brokers.silent import Api, silent_broker
from tests.workers.kafka.consuming import consuming, post
from tests.workers.kafka.fakes import RecordingSink


async def test_a_key_that_does_not_answer_is_a_stall_until_it_does(broker: str, topics: Topics) -> None:
    topic = await topics.make()
    await topics.write(topic, post("slow", 0), post("quick", 1))
    sink = RecordingSink()
    sink.held["slow"] = asyncio.Event()
    async with consuming(broker, subscription(topic), sink) as running:
        await running.until(lambda: running.reported and running.progress.stall)
        assert running.progress.stall
        assert running.progress.stall.reason.startswith("Partition 0 waits at offset 0")
        assert sink.contents() == {"quick": ["1"]}
        sink.held["slow"].set()
        await running.until(lambda: running.progress.stall is None)


async def test_a_key_whose_calls_fail_is_a_stall_with_the_error(broker: str, topics: Topics) -> None:
    topic = await topics.make()
    await topics.write(topic, post("ann", 0))
    sink = RecordingSink()
    sink.unavailable = {"ann"}
    async with consuming(broker, subscription(topic), sink) as running:
        await running.until(lambda: running.reported and running.progress.stall)
        assert running.progress.stall
        assert running.progress.stall.reason.endswith("offset 0: ann: ConnectionError: ann is unavailable")
        sink.unavailable.clear()
        await running.until(lambda: running.progress.stall is None)


async def test_a_broker_that_ends_is_a_stall_that_names_the_cluster_and_the_error() -> None:
    async with AsyncExitStack() as consumers:
        with running_broker() as address:
            async with open_topics(address) as topics:
                topic = await topics.make()
            running = await consumers.enter_async_context(consuming(address, subscription(topic), RecordingSink()))
            await running.committed(0)
            assert running.progress.stall is None
        await running.until(lambda: running.progress.stall and "does not answer" in running.progress.stall.reason)
        assert running.progress.stall
        assert "'local' does not serve partitions [0]" in running.progress.stall.reason


async def test_a_broker_that_accepts_connections_and_does_not_answer_is_a_stall() -> None:
    async with silent_broker() as broker:
        async with open_topics(broker.address) as topics:
            topic = await topics.make()
        async with consuming(broker.address, subscription(topic), RecordingSink()) as running:
            await running.committed(0)
            broker.unanswered = {Api.FETCH}
            await running.until(lambda: running.progress.stall)
            assert running.progress.stall
            assert "does not serve partitions [0]" in running.progress.stall.reason
            broker.close()
            broker.unanswered = set()
            await running.until(lambda: running.progress.stall is None)


async def test_a_consumer_that_cannot_begin_says_so_while_it_still_waits() -> None:
    async with silent_broker() as broker:
        async with open_topics(broker.address) as topics:
            topic = await topics.make()
        broker.unanswered = {Api.METADATA}
        async with consuming(broker.address, subscription(topic), RecordingSink()) as running:
            await running.until(lambda: running.reported)
            assert running.progress.stall
            assert running.progress.stall.reason == "Kafka cluster 'local' has not answered yet."
