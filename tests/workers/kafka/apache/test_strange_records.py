"""Records that aiokafka cannot parse: each becomes a message or a dead letter, and its neighbours are delivered."""

from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from tests.brokers.apache import ApacheKafka
from tests.brokers.fixtures import Topics, subscription
from tests.workers.kafka.consuming import consuming, post
from tests.workers.kafka.fakes import RecordingSink

UNKNOWN_CODEC = 7


class RawName(str):
    """The name of a header whose bytes are not UTF-8."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return b"stra\xdfe"


@pytest.fixture
def apache_broker(apache_kafka: ApacheKafka) -> str:
    """The broker whose files the tests change."""
    return apache_kafka.address


async def test_a_record_whose_headers_name_is_not_utf8_is_delivered_with_its_neighbours(
    apache_broker: str, apache_topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await apache_topics.make(partitions=2)
    await apache_topics.write(topic, post("ann", 0))
    await apache_topics.write(topic, post("bob", 0), partition=1)
    # The compiled builder takes no class derived from str.
    for module in ("message_accumulator", "producer"):
        monkeypatch.setattr(f"aiokafka.producer.{module}.DefaultRecordBatchBuilder", _DefaultRecordBatchBuilderPy)
    await send(apache_broker, topic, post("ann", 1), headers=[(RawName("name"), b"v")])
    await apache_topics.write(topic, post("ann", 2))
    sink = RecordingSink()
    async with consuming(apache_broker, subscription(topic), sink) as running:
        await running.until(lambda: running.reported and [p.committed for p in running.progress.partitions] == [3, 1])
    assert sink.contents() == {"ann": ["0", "1", "2"], "bob": ["0"]}


async def test_a_huge_record_becomes_a_dead_letter_and_its_neighbours_are_delivered(
    apache_broker: str, apache_topics: Topics
) -> None:
    topic = await apache_topics.make(max_message_bytes=str(32 << 20))
    huge = b"ann", b'{"content": "%s", "metadata": ""}' % (b"x" * (20 << 20))
    await apache_topics.write(topic, post("ann", 0))
    await send(apache_broker, topic, huge)
    await apache_topics.write(topic, post("ann", 2))
    sink = RecordingSink()
    async with consuming(apache_broker, subscription(topic), sink) as running:
        await running.committed(3)
        assert running.progress.dead_lettered == 1
    assert sink.contents() == {"ann": ["0", "2"]}


def with_another_value(batch: bytearray) -> None:
    batch[-20] ^= 1


def with_an_unknown_codec(batch: bytearray) -> None:
    batch[22] |= UNKNOWN_CODEC


@pytest.mark.parametrize("damage", [with_another_value, with_an_unknown_codec])
async def test_a_batch_that_is_damaged_on_disk_becomes_a_dead_letter_and_its_neighbours_are_delivered(
    apache_kafka: ApacheKafka, apache_topics: Topics, damage: Callable[[bytearray], None]
) -> None:
    topic = await apache_topics.make(partitions=2)
    await apache_topics.write(topic, post("bob", 0), partition=1)
    for number in range(3):
        await apache_topics.write(topic, post("ann", number))
    change_second_batch(apache_kafka.folder / "data" / f"{topic}-0" / f"{0:020}.log", damage)
    sink = RecordingSink()
    sub = subscription(topic)
    with pytest.raises(CorruptRecordException):
        async with consuming(apache_kafka.address, sub, sink) as running:
            await running.until(lambda: False)
    async with consuming(apache_kafka.address, sub, sink) as running:
        await running.until(lambda: running.reported and [p.committed for p in running.progress.partitions] == [3, 1])
        assert running.progress.dead_lettered == 1
    assert sorted(set(sink.contents()["ann"])) == ["0", "2"]
    assert set(sink.contents()["bob"]) == {"0"}


def change_second_batch(log: Path, damage: Callable[[bytearray], None]) -> None:
    raw = bytearray(log.read_bytes())
    begin = 12 + int.from_bytes(raw[8:12])
    end = begin + 12 + int.from_bytes(raw[begin + 8 : begin + 12])
    batch = raw[begin:end]
    damage(batch)
    with log.open("r+b") as file:
        file.seek(begin)
        file.write(batch)


async def send(
    address: str, topic: str, record: tuple[bytes, bytes], headers: list[tuple[str, bytes]] | None = None
) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=address, max_request_size=64 << 20)
    await producer.start()
    key, value = record
    await producer.send_and_wait(topic, value, key=key, partition=0, headers=headers)
    await producer.stop()
