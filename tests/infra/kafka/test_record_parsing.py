"""Every record of a fetched batch is read, whatever its bytes: without a broker."""

import struct
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.record.util import calc_crc32c, encode_varint
from aiokafka.structs import ConsumerRecord

from domain.records import Unreadable
from infra.kafka.record_parsing import EveryRecord, raw_name

GZIP = 1
TIME_MS = 1_700_000_000_000
Fields = dict[str, Any]


def number(value: int) -> bytes:
    written = bytearray()
    encode_varint(value, written.append)
    return bytes(written)


def field(raw: bytes | None) -> bytes:
    return number(-1) if raw is None else number(len(raw)) + raw


def record(
    offset: int,
    value: bytes | None = b"v",
    headers: tuple[tuple[bytes | None, bytes | None], ...] = (),
    key: bytes | None = b"k",
    count: int | None = None,
) -> bytes:
    """The bytes of one record, its length included."""
    named = b"".join(field(name) + field(content) for name, content in headers)
    body = b"\0" + number(5) + number(offset) + field(key) + field(value)
    body += number(len(headers) if count is None else count) + named
    return number(len(body)) + body


def batch(*records: bytes, base: int = 100, codec: int = 0, name_codec: int | None = None) -> bytes:
    """A batch as a broker sends it. `name_codec` is the compression that it says it has."""
    builder = _DefaultRecordBatchBuilderPy(2, codec, 0, -1, -1, -1, 1 << 20)
    builder._first_timestamp = builder._max_timestamp = TIME_MS
    builder._num_records, builder._last_offset = len(records), len(records) - 1
    builder._buffer += b"".join(records)
    raw = bytearray(builder.build())
    struct.pack_into(">q", raw, 0, base)
    if name_codec is not None:
        struct.pack_into(">h", raw, 21, name_codec)
    struct.pack_into(">I", raw, 17, calc_crc32c(raw[21:]))
    return bytes(raw)


def read(fetched: bytes, start: int = 100) -> list[ConsumerRecord]:
    """Read the bytes as aiokafka's fetcher does."""
    records = fetcher.PartitionRecords(
        TopicPartition("posts", 0),
        fetcher.MemoryRecords(fetched),
        None,
        start,
        None,
        None,
        True,
        fetcher.READ_COMMITTED,
    )
    return list(records)


def test_importing_the_module_replaces_the_parser_of_fetches() -> None:
    assert fetcher.MemoryRecords is EveryRecord


@pytest.mark.parametrize("codec", [0, GZIP])
def test_a_header_may_have_any_bytes_as_its_name(codec: int) -> None:
    odd = (b"stra\xdfe", b"v"), (b"stra\xdfe", None), (b"\xff\xfe", b""), ("straße".encode(), b"w")
    padding = record(3, value=b"x" * 2_000)
    records = read(batch(record(0), record(1, headers=odd), record(2), padding, codec=codec))
    assert [(each.offset, each.value, each.timestamp) for each in records[:3]] == [
        (100 + offset, b"v", TIME_MS + 5) for offset in range(3)
    ]
    assert [(raw_name(name), value) for name, value in records[1].headers] == [*odd]
    assert records[1].headers[3][0] == "straße"


def test_a_null_name_is_an_empty_one_and_null_keys_and_values_stay_null() -> None:
    first, second = read(batch(record(0, headers=((None, b"v"), (b"\xdf", b""))), record(1, value=None, key=None)))
    assert first.headers == (("", b"v"), ("\udcdf", b""))
    assert (second.key, second.value) == (None, None)


def test_a_fetch_that_begins_within_a_batch_skips_what_was_read() -> None:
    odd = record(1, headers=((b"\xff", b""),))
    assert [each.offset for each in read(batch(record(0), odd, record(2)), start=102)] == [102]


DAMAGED: dict[str, Callable[[], bytes]] = {
    "a negative number of headers": lambda: record(1, count=-5),
    "more headers than bytes": lambda: record(1, count=1_000_000),
    "fewer headers than it says": lambda: record(1, count=3),
    "a negative length": lambda: number(8) + b"\0" + number(5) + number(1) + number(-7) + b"\0" * 4,
    "bytes after its headers": lambda: number(len(record(1)) + 2) + record(1)[1:] + b"\0\0\0",
    "a number that does not end": lambda: number(12) + b"\0" + b"\xff" * 11,
}


@pytest.mark.parametrize("damaged", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_record_that_is_none_is_unreadable_and_its_neighbours_are_read(damaged: Callable[[], bytes]) -> None:
    first, second, third = read(batch(record(0), damaged(), record(2)))
    assert (first.offset, second.offset, third.offset) == (100, 101, 102)
    assert isinstance(second.value, Unreadable)
    assert second.value.reason
    assert (first.value, third.value) == (b"v", b"v")


@pytest.mark.parametrize(
    ("fetched", "problem"),
    [
        (batch(record(0), record(1), name_codec=7), "offsets 100 to 101 cannot be decompressed"),
        (batch(record(0), record(1), name_codec=GZIP), "offsets 100 to 101 cannot be decompressed"),
        (batch(record(0), number(5_000) + b"cut"), "offsets 101 to 101 cannot be split"),
        (batch(record(0), number(-3) + b"cut"), "offsets 101 to 101 cannot be split"),
    ],
)
def test_a_batch_that_cannot_be_split_is_one_unreadable_record_and_the_next_one_is_read(
    fetched: bytes, problem: str
) -> None:
    *_, rest, following = read(fetched + batch(record(0), base=102))
    assert isinstance(rest.value, Unreadable)
    assert problem in rest.value.reason
    assert (following.offset, following.value) == (102, b"v")


@pytest.mark.parametrize("at", [17, 22, 26, 60, -1], ids=["checksum", "attributes", "last offset", "count", "value"])
def test_a_batch_with_a_wrong_checksum_is_fetched_again_and_is_unreadable_if_it_stays_so(at: int) -> None:
    damaged = bytearray(batch(record(0), record(1, value=f"damaged at {at}".encode())))
    damaged[at] ^= 0x20
    fetched = bytes(damaged) + batch(record(0), base=102)
    with pytest.raises(CorruptRecordException):
        read(fetched)
    rest, following = read(fetched)
    assert isinstance(rest.value, Unreadable)
    assert "wrong checksum" in rest.value.reason
    assert (following.offset, following.value) == (102, b"v")


def test_a_batch_of_an_unknown_format_is_unreadable() -> None:
    strange = bytearray(batch(record(0), record(1)))
    strange[16] = 3
    rest, following = read(bytes(strange) + batch(record(0), base=102))
    assert isinstance(rest.value, Unreadable)
    assert rest.value.reason == "The batch of the offsets 100 to 101 has the unknown format 3."
    assert following.offset == 102


def test_a_fetch_that_begins_within_a_damaged_batch_has_it_too() -> None:
    damaged = bytearray(batch(record(0), record(1, value=b"read from within")))
    damaged[-1] ^= 1
    with pytest.raises(CorruptRecordException):
        read(bytes(damaged), start=101)
    (rest,) = read(bytes(damaged), start=101)
    assert isinstance(rest.value, Unreadable)
    assert rest.offset == 101


def test_a_batch_that_the_broker_cut_off_is_left_for_the_next_fetch() -> None:
    assert [each.offset for each in read(batch(record(0)) + batch(record(0), base=101)[:-1])] == [100]
    assert EveryRecord(batch(record(0))[:-1]).size_in_bytes() > 0
    assert not EveryRecord(batch(record(0))[:-1]).has_next()
