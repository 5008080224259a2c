"""Reads every record that a broker sends, so that one strange record does not hide its neighbours.

aiokafka raises while it parses a fetched batch, for example if a header's name is not UTF-8. Its iterator ends with
that, before the application sees the record: the same batch is fetched and fails again without end. Importing this
module replaces the parser of aiokafka's fetches, for which it has no option. Each batch is still parsed by aiokafka;
what it cannot read is read here, byte by byte:

- The name of a header may be any bytes. Those that are not UTF-8 become surrogates (PEP 383), as in `os.fsdecode`:
  `raw_name` gives the bytes back. A null name, which Kafka forbids, is read as an empty one.
- A record that is no record inside its stated length becomes one whose value is `Unreadable`, at its own offset.
- A batch that cannot be split into records (damaged, compressed in an unknown way, or of an unknown format) becomes one
  such record for all that are left in it.
- A batch whose checksum is wrong is an error of the fetch, since it may be intact when it is fetched again. If the same
  bytes come a second time, it is damaged on the broker's disk, and becomes one such record.
"""

import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import decode_varint

from domain.records import Unreadable
from infra.kafka.compressed_batches import MAX_RECORD_BYTES, CompressedBatch, codec_of
from infra.kafka.damaged_batches import DamagedBatch, damage_of

Name = str
"""The name of a header, with surrogates for the bytes that are not UTF-8."""

_LOG_OVERHEAD = struct.calcsize(">qi")
_MAGIC_OFFSET = struct.calcsize(">qii")
_OFFSET = struct.Struct(">q")
_HEADER_BYTES = _DefaultRecordBatchPy.HEADER_STRUCT.size
_MAGIC_WITH_HEADERS = 2
"""Formats before Kafka 0.11 have none, and brokers since Kafka 4.0 do not send them."""


def new_consumer(**settings: Any) -> AIOKafkaConsumer:
    """Return a consumer, not started, that reads every record. `settings` are aiokafka's."""
    return AIOKafkaConsumer(**settings)


def raw_name(name: Name) -> bytes:
    """Return the bytes of a header's name as they are in the log."""
    return name.encode(errors="surrogateescape")


@dataclass(frozen=True, slots=True)
class ParsedRecord:
    """What aiokafka takes from a record of its own parser."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[Name, bytes | None]]
    checksum: None = None


class EveryRecord:
    """The batches of one fetched partition. Stands in for aiokafka's `MemoryRecords`."""

    def __init__(self, fetched: bytes) -> None:
        self._fetched = memoryview(fetched)
        self._position = 0

    def size_in_bytes(self) -> int:
        return len(self._fetched)

    def has_next(self) -> bool:
        return self._end_of_next() is not None

    def next_batch(self) -> Any:
        """Return the next batch; a broker cuts the last one of an answer off, and that is left out."""
        end = self._end_of_next()
        if end is None:
            return None
        raw = bytes(self._fetched[self._position : end])
        self._position = end
        has_headers = len(raw) > _MAGIC_OFFSET and raw[_MAGIC_OFFSET] >= _MAGIC_WITH_HEADERS
        if not has_headers:
            return MemoryRecords(raw).next_batch()
        batch = EveryRecordOfBatch(raw)
        if damage := damage_of(batch, raw):
            return DamagedBatch(batch, raw, damage, self._following_offset())
        return CompressedBatch(raw, EveryRecordOfBatch) if codec_of(raw) else batch

    def _following_offset(self) -> int | None:
        """Where the next batch begins, if the answer has so much of it."""
        if len(self._fetched) - self._position < _OFFSET.size:
            return None
        offset: int
        (offset,) = _OFFSET.unpack_from(self._fetched, self._position)
        return offset

    def _end_of_next(self) -> int | None:
        if len(self._fetched) - self._position < _LOG_OVERHEAD:
            return None
        (length,) = struct.unpack_from(">i", self._fetched, self._position + 8)
        end: int = self._position + _LOG_OVERHEAD + length
        return end if length >= 0 and end <= len(self._fetched) else None


class EveryRecordOfBatch:
    """One batch. Stands in for aiokafka's `DefaultRecordBatch`, which it asks first."""

    def __init__(self, raw: bytes) -> None:
        if len(raw) < _HEADER_BYTES:
            raise CorruptRecordException(f"A batch of {len(raw)} bytes is shorter than its header.")
        self._raw = raw
        self._batch = DefaultRecordBatch(raw)
        self._is_intact: bool | None = None

    def __getattr__(self, name: str) -> Any:
        """Everything else is aiokafka's: the offsets, the producer."""
        return getattr(self._batch, name)

    def validate_crc(self) -> bool:
        """Whether the checksum is right. It is asked twice, here and by the fetcher."""
        if self._is_intact is None:
            self._is_intact = bool(self._batch.validate_crc())
        return self._is_intact

    def __next__(self) -> Any:
        """Read the record of a control batch, as the fetcher does."""
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._batch
        # Besides its own errors aiokafka raises those of decoders: UnicodeDecodeError, and one type per compression.
        except Exception:
            # The fetcher skips the records that it has.
            yield from self._read_leniently()

    def _read_leniently(self) -> Iterator[ParsedRecord]:
        batch = _DefaultRecordBatchPy(self._raw)
        following: int = batch.base_offset
        try:
            iter(batch)  # decompresses
        except Exception as error:
            yield self.unreadable_rest(following, self._raw, f"cannot be decompressed: {_summary(error)}")
            return
        data, position = bytes(batch._buffer), batch._pos
        for _ in range(batch._num_records):
            try:
                length, start = decode_varint(data, position)
                if length <= 0 or start + length > len(data):
                    raise ValueError(f"a length of {length} bytes, with {len(data) - start} left")
            except (IndexError, ValueError) as error:
                yield self.unreadable_rest(following, data[position:], f"cannot be split: {_summary(error)}")
                return
            position = start + length
            record = self._parse(data[start:position], following)
            yield record
            following = record.offset + 1

    def _parse(self, raw: bytes, following: int) -> ParsedRecord:
        try:
            return self._read(raw)
        except (IndexError, ValueError) as error:
            return self.unreadable(following, raw, f"The record cannot be read: {_summary(error)}.")

    def _read(self, raw: bytes) -> ParsedRecord:
        """Read one record without its length. Raises `IndexError`, `ValueError`."""
        batch, at = self._batch, _Bytes(raw, 1)  # the first byte has no meaning yet
        delta, offset = at.number(), batch.base_offset + at.number()
        key, value = at.field(), at.field()
        headers = [(_name(at.field()), at.field()) for _ in range(at.count())]
        if at.position != len(raw):
            raise ValueError(f"{len(raw) - at.position} bytes are left after its headers")
        # 1 means that the broker sets the time.
        timestamp = batch.max_timestamp if batch.timestamp_type == 1 else batch.first_timestamp + delta
        return ParsedRecord(offset, timestamp, batch.timestamp_type, key, value, headers)

    def too_large(self, start: bytes, length: int) -> ParsedRecord:
        """Return the record that begins with `start` and is not kept. Its key is kept if `start` has all of it."""
        at = _Bytes(start, 1)
        at.number()
        offset, key = self._batch.base_offset + at.number(), None
        with suppress(ValueError):
            key = at.field()
        reason = f"The record has {length:,} bytes; {MAX_RECORD_BYTES:,} are allowed in a compressed batch."
        return replace(self.unreadable(offset, start, reason), key=key)

    def unreadable_rest(self, following: int, raw: bytes, problem: str) -> ParsedRecord:
        last = self._batch.next_offset - 1
        return self.unreadable(following, raw, f"The batch of the offsets {following} to {last} {problem}.")

    def unreadable(self, offset: int, raw: bytes, reason: str) -> ParsedRecord:
        batch = self._batch
        return ParsedRecord(offset, batch.max_timestamp, batch.timestamp_type, None, Unreadable(raw, reason), [])


@dataclass(slots=True)
class _Bytes:
    """A record's bytes, read from `position` on."""

    raw: bytes
    position: int

    def number(self) -> int:
        number: int
        number, self.position = decode_varint(self.raw, self.position)
        return number

    def count(self) -> int:
        count = self.number()
        if not 0 <= count <= len(self.raw):
            raise ValueError(f"{count} headers")
        return count

    def field(self) -> bytes | None:
        length = self.number()
        if length == -1:
            return None
        if length < 0 or self.position + length > len(self.raw):
            raise ValueError(f"a field of {length} bytes, with {len(self.raw) - self.position} left")
        self.position += length
        return self.raw[self.position - length : self.position]


def _name(raw: bytes | None) -> Name:
    return (raw or b"").decode(errors="surrogateescape")


def _summary(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


fetcher.MemoryRecords = EveryRecord
