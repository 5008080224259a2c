"""Compressed batches are read record by record, however large they become: without a broker."""

import threading
from itertools import zip_longest
from typing import Any

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from domain.records import Unreadable
from infra.kafka import decompression
from infra.kafka.compressed_batches import MAX_RECORD_BYTES
from infra.kafka.decompression import Codec
from infra.kafka.record_parsing import EveryRecord
from tests.eventually import eventually

CODECS = [codec for codec in Codec if codec is not Codec.NONE]
MIB = 1024 * 1024


def batch(codec: Codec, *values: bytes) -> bytes:
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, -1, 1 << 40)
    for offset, value in enumerate(values):
        builder.append(offset, 1_000 + offset, b"key%d" % offset, value, [("trace", b"t1")])
    return bytes(builder.build())


def read(raw: bytes) -> list[Any]:
    fetched = EveryRecord(raw)
    records = []
    while fetched.has_next():
        records += fetched.next_batch()
    return records


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("size", [10, 3_000], ids=["a small batch", "a batch that is a stream"])
def test_records_are_what_was_written(codec: Codec, size: int) -> None:
    values = [b"%d" % number * size for number in range(500)]
    records = read(batch(codec, *values) + batch(codec, b"next"))
    assert [record.value for record in records] == [*values, b"next"]
    assert [record.offset for record in records] == [*range(500), 0]
    assert (records[7].key, records[7].timestamp, records[7].headers) == (b"key7", 1_007, [("trace", b"t1")])


def test_batches_that_are_read_in_turns_lose_nothing() -> None:
    values = [b"x" * 100_000 + b"%d" % number for number in range(30)]
    one, other = (EveryRecord(batch(codec, *values)).next_batch() for codec in (Codec.ZSTD, Codec.LZ4))
    read = list(zip_longest(one, other))
    assert [(first.value, second.value) for first, second in read] == [(value, value) for value in values]


@pytest.mark.parametrize("codec", [Codec.GZIP, Codec.LZ4, Codec.ZSTD])
def test_a_record_that_is_too_large_is_unreadable_and_its_neighbours_are_read(codec: Codec) -> None:
    before, bomb, after = read(batch(codec, b"before", b"\0" * 50 * MIB, b"after"))
    assert (before.value, after.value) == (b"before", b"after")
    assert isinstance(bomb.value, Unreadable)
    assert (bomb.offset, bomb.key) == (1, b"key1")
    assert bomb.value.reason.startswith("The record has 52,428,")
    assert f"{MAX_RECORD_BYTES:,} are allowed" in bomb.value.reason
    assert len(bomb.value) <= MIB


@pytest.mark.parametrize("codec", CODECS)
def test_the_rest_of_a_batch_that_has_too_much_is_one_unreadable_record(
    codec: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decompression, "MAX_BYTES", 3 * MIB)
    values = [b"x" * MIB] * 5
    *records, rest, following = read(batch(codec, *values) + batch(codec, b"next"))
    assert [record.value for record in records] == values[:2]
    assert rest.value.reason == "The batch of the offsets 2 to 4 cannot be decompressed: it has more than 3 MiB."
    assert (rest.offset, following.value) == (2, b"next")


def test_a_snappy_block_cannot_claim_more_than_snappy_can_have() -> None:
    raw = batch(Codec.SNAPPY, b"x")
    lie = raw[:61] + b"\xff\xff\xff\xff\x0f" + b"\0" * 20
    (record,) = read(lie[:8] + (len(lie) - 12).to_bytes(4, "big") + lie[12:])
    assert "claims to have 4,294,967,295" in record.value.reason


async def test_the_thread_of_a_batch_that_is_not_read_to_its_end_ends() -> None:
    records = iter(EveryRecord(batch(Codec.ZSTD, *[b"x" * MIB] * 50)).next_batch())
    next(records)
    assert any(thread.name == "decompression" for thread in threading.enumerate())
    read(batch(Codec.ZSTD, b"another"))
    await eventually(lambda: not any(thread.name == "decompression" for thread in threading.enumerate()))
