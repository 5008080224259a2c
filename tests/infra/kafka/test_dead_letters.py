"""Dead letters in a real topic: written with their reason, listed once, redriven once."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from domain.subscription import Subscription
from infra.kafka import dead_letters
from infra.kafka.dead_letters import Cursor, DeadLetters, LetterOutcome, RedrivenLetter
from infra.kafka.record_writing import send
from tests.brokers.fixtures import Topics
from tests.infra.kafka.letters import TIME_MS, TOPIC_ID, Write, listed, records_of


async def test_a_letter_has_its_records_coordinates_and_the_reason(
    letters: DeadLetters, sub: Subscription, write: Write
) -> None:
    await write(7, partition=1, headers=(("own", b"1"), ("own", b"2")))
    (letter,) = (await letters.page(sub, Cursor(), 50)).letters
    assert (letter.key, letter.value, letter.timestamp_ms) == (b"ann", b"{", TIME_MS)
    assert letter.headers[:2] == (("own", b"1"), ("own", b"2"))
    assert letter.time.startswith("20")
    assert letter.added_headers == {
        "dead-letter.time": letter.time,
        "__connect.errors.topic": sub.topic,
        "__connect.errors.partition": "1",
        "__connect.errors.offset": "7",
        "__connect.errors.stage": "VALUE_CONVERTER",
        "__connect.errors.exception.class.name": "InvalidJson",
        "__connect.errors.exception.message": "not JSON",
        "dead-letter.subscription": sub.id,
        "dead-letter.attempts": "1",
        "dead-letter.origin": f"{sub.topic}-1-7@{TOPIC_ID}",
        "dead-letter.timestamp": str(TIME_MS),
    }


async def test_each_record_is_listed_once_and_only_to_its_subscription(
    letters: DeadLetters, sub: Subscription, write: Write
) -> None:
    for offset in (1, 2, 1, 3):
        await write(offset)
    await write(4, for_another=True)
    assert await listed(letters, sub) == [2, 1, 3]


async def test_a_record_is_redriven_to_its_partition_unchanged(
    letters: DeadLetters, sub: Subscription, write: Write, broker: str
) -> None:
    await write(7, partition=1)
    outcome = await letters.redrive_each(sub, [(0, 0)])
    assert outcome.letters == [RedrivenLetter(0, 0, LetterOutcome.REDRIVEN)]
    (record,) = await records_of(broker, sub.topic, 1, 1)
    assert (record.key, record.value, record.timestamp) == (b"ann", b"{", TIME_MS)
    assert record.headers == (
        ("own", b"1"),
        ("dead-letter.subscription", sub.id.encode()),
        ("dead-letter.redriven-from", f"{sub.topic}-1-7@{TOPIC_ID}".encode()),
        ("dead-letter.attempts", b"1"),
        ("dead-letter.timestamp", str(TIME_MS).encode()),
    )
    assert await listed(letters, sub) == []


async def test_a_record_is_redriven_once_however_often_it_is_asked_for(
    letters: DeadLetters, sub: Subscription, write: Write, broker: str, topics: Topics
) -> None:
    for offset in (1, 1, 2):
        await write(offset)
    outcomes = await asyncio.gather(*(letters.redrive_each(sub, [(0, offset)]) for offset in (0, 1, 2, 0)))
    assert sum(outcome.redriven for outcome in outcomes) == 2
    assert sum(outcome.count(LetterOutcome.ALREADY_REDRIVEN) for outcome in outcomes) == 2
    assert (await letters.redrive_all(sub)).redriven == 0
    await topics.write(sub.topic, (b"end", b"end"))
    assert [record.key for record in await records_of(broker, sub.topic, 0, 3)] == [b"ann", b"ann", b"end"]


async def test_all_are_redriven_in_order_and_what_remains_is_reported(
    letters: DeadLetters, sub: Subscription, write: Write, broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "MAX_REDRIVEN", 3)
    for offset in range(5):
        await write(offset, value=b"%d" % offset)
    await write(9, for_another=True)
    first = await letters.redrive_all(sub)
    second = await letters.redrive_all(sub)
    assert (first.redriven, first.remaining, second.redriven, second.remaining) == (3, True, 2, False)
    assert [r.value for r in await records_of(broker, sub.topic, 0, 5)] == [b"0", b"1", b"2", b"3", b"4"]


async def test_several_are_redriven_at_once_each_with_its_outcome(
    letters: DeadLetters, sub: Subscription, write: Write, broker: str, topics: Topics
) -> None:
    for offset in (1, 1, 2, 3):
        await write(offset, value=b"%d" % offset)
    await write(9, for_another=True)
    await letters.redrive_each(sub, [(0, 2)])

    result = await letters.redrive_each(sub, [(0, offset) for offset in (3, 0, 1, 2, 3, 4, 99)] + [(5, 0)])

    assert {(each.partition, each.offset): each.outcome.value for each in result.letters} == {
        (0, 0): "ALREADY_REDRIVEN",
        (0, 1): "REDRIVEN",
        (0, 2): "ALREADY_REDRIVEN",
        (0, 3): "REDRIVEN",
        (0, 4): "UNKNOWN",
        (0, 99): "UNKNOWN",
        (5, 0): "UNKNOWN",
    }
    assert (len(result.letters), result.remaining) == (7, False)
    await topics.write(sub.topic, (b"end", b"end"))
    assert [record.value for record in await records_of(broker, sub.topic, 0, 4)] == [b"2", b"1", b"3", b"end"]


async def test_of_several_those_that_do_not_fit_into_memory_are_left(
    letters: DeadLetters, sub: Subscription, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "REDRIVE_BYTES", 1)
    for offset in range(3):
        await write(offset)
    places = [(0, offset) for offset in range(3)]

    results = [await letters.redrive_each(sub, places) for _ in range(3)]

    assert [(each.redriven, each.count(LetterOutcome.LEFT), each.remaining) for each in results] == [
        (1, 2, True),
        (1, 1, True),
        (1, 0, False),
    ]


async def test_without_a_dead_letter_topic_every_letter_is_unknown(letters: DeadLetters, sub: Subscription) -> None:
    assert (await letters.redrive_each(sub, [(0, 0), (1, 0)])).count(LetterOutcome.UNKNOWN) == 2


@pytest.mark.parametrize(("partition", "offset"), [(0, 1), (0, 2), (0, 1_000), (5, 0)])
async def test_coordinates_without_a_letter_of_the_subscription_are_unknown(
    letters: DeadLetters, sub: Subscription, write: Write, partition: int, offset: int
) -> None:
    await write(1)
    await write(2, for_another=True)
    result = await letters.redrive_each(sub, [(partition, offset)])
    assert [each.outcome for each in result.letters] == [LetterOutcome.UNKNOWN]


async def test_the_topic_keeps_the_letters_of_old_records(
    letters: DeadLetters, sub: Subscription, write: Write, broker: str
) -> None:
    await write(7)
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, sub.dead_letter_topic)])
    finally:
        await admin.close()
    (topic,) = answer.to_object()["resources"]
    assert {e["config_names"]: e["config_value"] for e in topic["config_entries"]}["retention.ms"] == "-1"


async def test_letters_that_no_writer_of_ours_would_write_are_redriven_or_skipped(
    letters: DeadLetters, sub: Subscription, broker: str, write: Write
) -> None:
    await write(0, headers=(("own", None),))
    (letter,) = (await letters.page(sub, Cursor(), 50)).letters
    odd: dict[str, bytes | None] = {
        "dead-letter.origin": f"{sub.topic}-0-1@id".encode(),
        "dead-letter.timestamp": b"9" * 19,
        "dead-letter.attempts": b"\xff",
        "__connect.errors.partition": b"4000000000",
        "dead-letter.subscription": sub.id.encode(),
        "dead-letter.time": None,
    }
    headers = [(name, odd.get(name, value)) for name, value in letter.headers]
    async with AIOKafkaProducer(bootstrap_servers=broker, acks="all") as producer:
        sent = await send(
            producer, sub.dead_letter_topic, 0, key=None, value=None, timestamp_ms=None, headers=headers, alone=True
        )
        await sent
    assert len((await letters.page(sub, Cursor(), 50)).letters) == 2
    assert (await letters.redrive_all(sub)).redriven == 2
    assert await listed(letters, sub) == []


async def test_the_bytes_of_a_headers_name_are_kept(
    letters: DeadLetters, sub: Subscription, write: Write, broker: str
) -> None:
    odd = (("stra\udcdfe", b"1"), ("own", b"2"))
    await write(7, headers=odd)
    (letter,) = (await letters.page(sub, Cursor(), 50)).letters
    assert letter.headers[:2] == odd
    await letters.redrive_each(sub, [(0, 0)])
    (record,) = await records_of(broker, sub.topic, 0, 1)
    assert record.headers[:2] == odd


async def test_a_letter_without_its_value_cannot_be_redriven(
    letters: DeadLetters, sub: Subscription, broker: str, write: Write
) -> None:
    await write(1)
    (letter,) = (await letters.page(sub, Cursor(), 50)).letters
    async with AIOKafkaProducer(bootstrap_servers=broker) as producer:
        headers = [*letter.headers, ("dead-letter.value.omitted", b"too large")]
        await producer.send_and_wait(sub.dead_letter_topic, b"", key=b"ann", partition=0, headers=headers)
    outcome = await letters.redrive_each(sub, [(0, 1)])
    assert outcome.letters == [RedrivenLetter(0, 1, LetterOutcome.WITHOUT_VALUE)]


async def test_redriven_poison_is_a_letter_again_with_one_more_attempt(
    letters: DeadLetters, sub: Subscription, write: Write, broker: str
) -> None:
    headers: tuple[tuple[str, bytes], ...] = (("own", b"1"),)
    for attempt in (1, 2, 3):
        await write(6 + attempt, headers=headers)
        (letter,) = (await letters.page(sub, Cursor(), 50)).letters
        assert (letter.attempts, letter.source_offset) == (attempt, 6 + attempt)
        assert letter.origin == f"{sub.topic}-0-7@{TOPIC_ID}"
        assert [h for h in letter.headers if h[0] == "own"] == [("own", b"1")]
        await letters.redrive_each(sub, [(0, letter.offset)])
        headers = (await records_of(broker, sub.topic, 0, attempt))[-1].headers


async def test_a_dead_letter_topic_may_have_several_partitions(
    letters: DeadLetters, sub: Subscription, write: Write, topics: Topics
) -> None:
    await topics.make(partitions=4, name=sub.dead_letter_topic)
    for _ in range(5):
        await write(7, key=None, partition=1)
    await write(8, partition=0)
    assert await listed(letters, sub) == [8, 7], "letters of a record are on one partition, so they count once"
    first = await letters.page(sub, Cursor(), 1)
    assert first.next == Cursor(1)
    assert (await letters.redrive_all(sub)).redriven == 2
    assert await listed(letters, sub) == []


async def test_letters_that_are_written_at_the_same_time_keep_the_order_of_their_records(
    letters: DeadLetters, sub: Subscription, write: Write
) -> None:
    await asyncio.gather(*(write(offset) for offset in range(50)))
    assert await listed(letters, sub) == list(range(50))
