"""The consumer against a broker: it delivers every record that it reads, and commits only delivered records."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.conn import AIOKafkaConnection
from aiokafka.protocol.metadata import MetadataRequest

from domain.checkpoint import Checkpoint
from domain.subscription import SubscriptionBroken
from infra.kafka.clusters import KafkaClusters
from tests.brokers.embedded import running_broker
from tests.brokers.fixtures import Topics, make_topic, subscription
from tests.eventually import eventually
from tests.infra.kafka.letters import records_of
from tests.workers.kafka.consuming import IMPATIENT, Running, commit, consuming, post
from tests.workers.kafka.fakes import RecordingSink
from workers.kafka.consumer import Timing


async def test_delivers_every_key_in_order_with_one_call_in_flight(broker: str, topics: Topics) -> None:
    topic = await topics.make(partitions=2)
    for partition in (0, 1):
        records = [post(f"user{partition}{n % 5}", n) for n in range(500)]
        await topics.write(topic, *records, partition=partition)
    sink = RecordingSink()
    async with consuming(broker, subscription(topic), sink) as running:
        await running.until(lambda: sink.count() >= 1_000)
    for partition in (0, 1):
        for user in range(5):
            assert sink.contents()[f"user{partition}{user}"] == [str(n) for n in range(500) if n % 5 == user]
    assert set(sink.most_at_once.values()) == {1}
    assert len(sink.batches) < 200, "records of a key share batches"


async def test_a_slow_key_holds_only_the_commit(broker: str, topics: Topics) -> None:
    topic = await topics.make()
    await topics.write(topic, post("quick", 0), post("slow", 1), *(post("quick", n) for n in range(2, 50)))
    sink = RecordingSink()
    sink.held["slow"] = asyncio.Event()
    async with consuming(broker, subscription(topic), sink) as running:
        await running.until(lambda: len(sink.contents().get("quick", [])) == 49)
        await running.committed(1)
        assert running.progress.in_flight == 1
        sink.held["slow"].set()
        await running.committed(50)


async def test_poison_becomes_a_dead_letter_with_its_bytes_and_the_reason(broker: str, topics: Topics) -> None:
    topic = await topics.make()
    poison = [(b"ann", b"{not json"), (None, b"{}"), (b"\xff", b"{}"), (b"ann", None)]
    await topics.write(topic, post("ann", "before"), *poison, post("ann", "after"))
    sink = RecordingSink()
    async with consuming(broker, subscription(topic), sink) as running:
        await running.committed(6)
        assert (running.progress.delivered, running.progress.dead_lettered) == (2, 4)
    assert sink.contents() == {"ann": ["before", "after"]}
    letters = {
        int(dict(letter.headers)["__connect.errors.offset"]): letter
        for letter in await records_of(broker, f"{topic}.dead-letter", 0, 4)
    }
    assert [(letters[n].key, letters[n].value) for n in (1, 2, 3, 4)] == poison
    reason = {"trace": b"t1", "__connect.errors.exception.class.name": b"InvalidJson"}
    assert reason.items() <= dict(letters[1].headers).items()
    original = (await records_of(broker, topic, 0, 2))[1]
    assert letters[1].timestamp == original.timestamp


async def test_a_restart_continues_at_the_commit_and_loses_nothing(broker: str, topics: Topics) -> None:
    topic = await topics.make()
    await topics.write(topic, *(post(f"user{n % 4}", n) for n in range(200)))
    sub = subscription(topic)
    first = RecordingSink()
    first.held["user3"] = asyncio.Event()
    async with consuming(broker, sub, first) as running:
        await running.until(lambda: first.count() == 150 and running.progress.in_flight == 1)
        running.stop.set()
        first.held["user3"].set()
    await topics.write(topic, *(post(f"user{n % 4}", n) for n in range(200, 240)))
    second = RecordingSink()
    async with consuming(broker, sub, second) as running:
        await running.committed(240)
    for user in range(4):
        key = f"user{user}"
        redelivered = set(first.contents()[key]) & set(second.contents()[key])
        received = first.contents()[key] + [c for c in second.contents()[key] if c not in redelivered]
        assert received == [str(n) for n in range(240) if n % 4 == user]
        assert second.contents()[key] == sorted(second.contents()[key], key=int)
    assert "0" not in second.contents()["user0"], "what was committed is not read again"


async def test_an_outage_of_the_receiver_delays_and_loses_nothing(broker: str, topics: Topics) -> None:
    topic = await topics.make()
    await topics.write(topic, *(post(f"user{n % 4}", n) for n in range(40)))
    sink = RecordingSink()
    sink.outages = 10
    async with consuming(broker, subscription(topic), sink) as running:
        await running.committed(40)
    for user in range(4):
        assert sink.contents()[f"user{user}"] == [str(n) for n in range(40) if n % 4 == user]


@pytest.mark.parametrize("obeys", [True, False], ids=["ends when cancelled", "ignores cancellation"])
async def test_a_client_that_does_not_stop_keeps_no_record_from_the_next(
    broker: str, topics: Topics, monkeypatch: pytest.MonkeyPatch, obeys: bool
) -> None:
    topic = await topics.make()
    await topics.write(topic, *(post("quick" if n % 2 else "slow", n) for n in range(40)))
    sub = subscription(topic)
    first, second = RecordingSink(), RecordingSink()
    first.held["slow"] = asyncio.Event()
    over = asyncio.Event()

    async def hangs(client: AIOKafkaConsumer) -> None:
        client._closed = True
        while not over.is_set():
            try:
                await over.wait()
            except asyncio.CancelledError:
                if obeys:
                    raise

    with monkeypatch.context() as patched:
        patched.setattr(AIOKafkaConsumer, "stop", hangs)
        async with consuming(broker, sub, first, timing=Timing(drain=0.2, stop=0.5)) as running:
            await running.until(lambda: first.contents() == {"quick": [str(n) for n in range(1, 40, 2)]})
    async with consuming(broker, sub, second) as running:
        await running.committed(40)
    over.set()
    assert second.contents()["slow"] == [str(n) for n in range(0, 40, 2)]


async def test_a_consumer_that_is_stopped_while_it_connects_leaves_no_connection_open(
    broker: str, topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    sub = subscription(await topics.make())
    asking: list[AIOKafkaConnection] = []
    answer, send = asyncio.Event(), AIOKafkaConnection.send

    async def held_back(connection: AIOKafkaConnection, request: object, **more: object) -> object:
        if isinstance(request, MetadataRequest) and connection._client_id == f"{sub.id}-0" and not asking:
            asking.append(connection)
            await answer.wait()
        return await send(connection, request, **more)

    monkeypatch.setattr(AIOKafkaConnection, "send", held_back)
    async with consuming(broker, sub, RecordingSink(), timing=Timing(stop=60)) as running:
        await running.until(lambda: asking)
        running.stop.set()
        asyncio.get_running_loop().call_later(1, answer.set)  # the consumer gives a read 0.4 s to end by itself
    assert [connection.connected() for connection in asking] == [False]


async def test_two_consumers_share_the_partitions(broker: str, topics: Topics) -> None:
    topic = await topics.make(partitions=2)
    sub = subscription(topic, consumers=2)
    one, two = RecordingSink(), RecordingSink()
    async with consuming(broker, sub, one, 0) as first, consuming(broker, sub, two, 1) as second:
        await eventually(lambda: first.task.done() or second.task.done() or both_have_one(first, second))
        for partition in (0, 1):
            await topics.write(topic, *(post(f"user{partition}", n) for n in range(50)), partition=partition)
        await eventually(lambda: one.count() and two.count() and one.count() + two.count() >= 100)
    received = one.contents() | two.contents()
    assert received == {f"user{partition}": [str(n) for n in range(50)] for partition in (0, 1)}


def both_have_one(first: Running, second: Running) -> bool:
    return all(len(r._reports) > 0 and len(r.progress.partitions) == 1 for r in (first, second))


async def test_a_commit_beyond_the_logs_end_breaks_the_subscription_and_names_both(broker: str, topics: Topics) -> None:
    topic = await topics.make()
    await topics.write(topic, post("ann", 1))
    sub = subscription(topic)
    await commit(broker, sub, 4_000)
    with pytest.raises(SubscriptionBroken, match=r"at offset 4000 of partition 0, but .* ends at 1"):
        async with consuming(broker, sub, RecordingSink()) as running:
            await running.until(lambda: False)


async def test_a_topic_that_does_not_exist_breaks_the_subscription_and_is_not_made(broker: str) -> None:
    sub = subscription("never-created")
    with pytest.raises(SubscriptionBroken, match="Topic 'never-created' is not in cluster 'local'"):
        async with consuming(broker, sub, RecordingSink(), timing=IMPATIENT) as running:
            await running.until(lambda: False)
    assert await KafkaClusters({"local": broker}).topic("local", "never-created") is None


async def test_a_recreated_topic_has_another_source(broker: str, topics: Topics) -> None:
    topic = await topics.make()
    sources = set()
    for group in ("first", "second"):
        await topics.write(topic, post("ann", group))
        sink = RecordingSink()
        async with consuming(broker, subscription(topic, **{"group.id": f"{topic}-{group}"}), sink) as running:
            await running.committed(1)
        sources.add(sink.batches[0][1].source)
        await topics.remove(topic)
        await eventually(lambda: topics.made_again(topic))
    assert len(sources) == 2


async def test_a_broker_that_restarts_empty_gets_a_new_consumer_and_another_source() -> None:
    sub = subscription("posts")
    sink = RecordingSink()
    with running_broker() as address:
        await one_post(address, "before")
        async with consuming(address, sub, sink) as before:
            await before.committed(1)
    with running_broker(address):
        await one_post(address, "after")
        async with consuming(address, sub, sink) as after:
            await after.committed(1)
    assert sink.contents() == {"ann": ["before", "after"]}
    assert len({batch.source for _, batch in sink.batches}) == 2


async def one_post(address: str, content: str) -> None:
    await make_topic(address, "posts")
    producer = AIOKafkaProducer(bootstrap_servers=address)
    await producer.start()
    key, value = post("ann", content)
    await producer.send_and_wait("posts", key=key, value=value)
    await producer.stop()


async def test_latest_starts_after_the_existing_records_and_keeps_that_position(broker: str, topics: Topics) -> None:
    topic = await topics.make()
    await topics.write(topic, post("ann", "old"))
    sub = subscription(topic, **{"auto.offset.reset": "latest"})
    subscribed = await KafkaClusters({"local": broker}).checkpoint_at_ends("local", topic, None)
    async with consuming(broker, sub, RecordingSink(), checkpoint=subscribed) as running:
        await running.committed(1)
    await topics.write(topic, post("ann", "while no consumer ran"))
    sink = RecordingSink()
    async with consuming(broker, sub, sink) as running:
        await running.committed(2)
    assert sink.contents() == {"ann": ["while no consumer ran"]}


async def test_latest_begins_with_the_first_record_after_the_request_though_its_consumer_starts_later(
    broker: str, topics: Topics
) -> None:
    topic = await topics.make(partitions=2)
    await topics.write(topic, post("ann", "old"))
    sub = subscription(topic, **{"auto.offset.reset": "latest"})
    subscribed = await KafkaClusters({"local": broker}).checkpoint_at_ends("local", topic, None)
    await topics.write(topic, post("ann", "new"))
    await topics.write(topic, post("bob", "new"), partition=1)
    sink = RecordingSink()
    async with consuming(broker, sub, sink, checkpoint=subscribed) as running:
        await running.until(lambda: sink.count() == 2)
    assert sink.contents() == {"ann": ["new"], "bob": ["new"]}


async def test_a_consumer_reports_where_the_next_one_continues(broker: str, topics: Topics) -> None:
    topic = await topics.make(partitions=2)
    await topics.write(topic, post("ann", 0), post("ann", 1))
    async with consuming(broker, subscription(topic), RecordingSink()) as running:
        await running.until(lambda: running.reported and running.progress.checkpoint)
        await running.until(lambda: running.progress.checkpoint and running.progress.checkpoint.offsets == {0: 2, 1: 0})


async def test_offsets_that_kafka_has_forgotten_are_those_of_the_checkpoint(broker: str, topics: Topics) -> None:
    topic = await topics.make()
    await topics.write(topic, post("ann", 0), post("ann", 1))
    first = RecordingSink()
    async with consuming(broker, subscription(topic), first) as running:
        await running.committed(2)
    checkpoint = running.progress.checkpoint
    await topics.write(topic, post("ann", 2))
    forgotten = subscription(topic, **{"group.id": f"{topic}-without-offsets"})
    sink = RecordingSink()
    async with consuming(broker, forgotten, sink, checkpoint=checkpoint) as running:
        await running.committed(3)
    assert sink.contents() == {"ann": ["2"]}


async def test_the_checkpoint_of_a_topic_that_was_recreated_has_no_meaning(broker: str, topics: Topics) -> None:
    topic = await topics.make()
    await topics.write(topic, post("ann", 0), post("ann", 1))
    sink = RecordingSink()
    before = Checkpoint(incarnation="another topic's", offsets={0: 1})
    async with consuming(broker, subscription(topic), sink, checkpoint=before) as running:
        await running.committed(2)
    assert sink.contents() == {"ann": ["0", "1"]}
