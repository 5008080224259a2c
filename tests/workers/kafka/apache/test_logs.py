"""Logs with gaps: what expired, was compacted, or was aborted."""

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from tests.brokers.fixtures import Topics, subscription
from tests.eventually import eventually
from tests.workers.kafka.consuming import commit, consuming, post
from tests.workers.kafka.fakes import RecordingSink


async def test_continues_with_the_oldest_record_when_records_expired_unread_and_reports_it(
    apache_broker: str, apache_topics: Topics
) -> None:
    topic = await apache_topics.make()
    await apache_topics.write(topic, *(post("ann", n) for n in range(10)))
    sub = subscription(topic)
    await commit(apache_broker, sub, 2)
    await apache_topics.forget(topic, before=6)
    sink = RecordingSink()
    async with consuming(apache_broker, sub, sink) as running:
        await running.until(lambda: sink.count() == 4)
        await running.until(lambda: any("2 to 5 of partition 0 expired" in (e or "") for e in running.errors()))
        await running.committed(10)
    assert sink.contents() == {"ann": ["6", "7", "8", "9"]}


async def test_delivers_what_was_committed_and_nothing_that_was_aborted(
    apache_broker: str, apache_topics: Topics
) -> None:
    topic = await apache_topics.make()
    producer = AIOKafkaProducer(bootstrap_servers=apache_broker, transactional_id=topic)
    await producer.start()
    for number in range(6):
        await producer.begin_transaction()
        for part in ("a", "b"):
            key, value = post("ann", f"{number}{part}")
            await producer.send_and_wait(topic, key=key, value=value)
        await (producer.commit_transaction() if number % 2 == 0 else producer.abort_transaction())
    await producer.stop()
    sink = RecordingSink()
    async with consuming(apache_broker, subscription(topic), sink) as running:
        await running.committed(18)
        (partition,) = running.progress.partitions
        assert (partition.end, partition.lag) == (18, 0), "twelve records and six transaction markers, all of them read"
    assert sink.contents() == {"ann": ["0a", "0b", "2a", "2b", "4a", "4b"]}


async def test_an_open_transaction_is_waited_for(apache_broker: str, apache_topics: Topics) -> None:
    topic = await apache_topics.make()
    producer = AIOKafkaProducer(bootstrap_servers=apache_broker, transactional_id=topic)
    await producer.start()
    await apache_topics.write(topic, post("ann", "before"))
    await producer.begin_transaction()
    key, value = post("bob", "open")
    await producer.send_and_wait(topic, key=key, value=value)
    await apache_topics.write(topic, post("ann", "after"))
    sink = RecordingSink()
    async with consuming(apache_broker, subscription(topic), sink) as running:
        await running.committed(1)
        assert sink.contents() == {"ann": ["before"]}
        await producer.commit_transaction()
        await running.committed(4)
    await producer.stop()
    assert sink.contents() == {"ann": ["before", "after"], "bob": ["open"]}


async def test_gaps_left_by_compaction_do_not_hold_the_commit_back(apache_broker: str, apache_topics: Topics) -> None:
    topic = await apache_topics.make(
        cleanup_policy="compact", segment_ms="100", min_cleanable_dirty_ratio="0.001", max_compaction_lag_ms="100"
    )
    for number in range(20):
        await apache_topics.write(topic, post("ann", number), post("bob", number))
    await eventually(lambda: compacted(apache_broker, apache_topics, topic))
    written = await end(apache_broker, topic)
    sink = RecordingSink()
    async with consuming(apache_broker, subscription(topic), sink) as running:
        await running.committed(written)
    received = sink.contents()
    assert len(received["ann"]) < 20
    for key in ("ann", "bob"):
        assert received[key] == sorted(set(received[key]), key=int)
        assert received[key][-1] == "19"


async def test_an_end_of_the_log_older_than_the_fetched_records_is_no_loss(
    apache_broker: str, apache_topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not on the embedded broker, which counts the last batch as one record."""
    topic = await apache_topics.make()
    await apache_topics.write(topic, *(post("ann", n) for n in range(20)))
    monkeypatch.setattr(AIOKafkaConsumer, "highwater", lambda *_: 1)
    sink = RecordingSink()
    async with consuming(apache_broker, subscription(topic), sink) as running:
        await running.committed(20)
    assert sink.contents() == {"ann": [str(n) for n in range(20)]}


async def compacted(address: str, topics: Topics, topic: str) -> bool:
    """Whether the first record is gone. Each call writes a record: without it the last segment would stay open."""
    await topics.write(topic, post("cleaner", 0))
    consumer = AIOKafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest")
    consumer.assign([TopicPartition(topic, 0)])
    await consumer.start()
    first = await consumer.getone()
    await consumer.stop()
    return bool(first.offset > 0)


async def end(address: str, topic: str) -> int:
    consumer = AIOKafkaConsumer(bootstrap_servers=address)
    await consumer.start()
    offset: int = (await consumer.end_offsets([TopicPartition(topic, 0)]))[TopicPartition(topic, 0)]
    await consumer.stop()
    return offset
