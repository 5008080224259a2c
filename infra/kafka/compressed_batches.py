"""Reads compressed record batches in bounded memory.

aiokafka decompresses a batch whole, and keeps it until its last record is read: one batch for each partition, each of
any size. Here one batch is open at a time in a process, and one that decompresses to more than `WHOLE_BYTES` is a
stream. A batch that made room for another is decompressed again when its turn comes: that costs time, and no memory.
"""

import struct
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Protocol

from aiokafka.record.util import encode_varint

from infra.kafka.decompression import Decompression, Undecompressed, decompressed

MAX_RECORD_BYTES = 8 * 1024 * 1024
"""The largest record that is kept of a batch that is a stream, key and headers included."""

_HEADER = struct.Struct(">qiibIhiqqqhii")
_ATTRIBUTES = struct.Struct(">h")
_ATTRIBUTES_AT = struct.calcsize(">qiibI")
_CODEC_MASK = 0x07
_COUNT = struct.Struct(">i")
_COUNT_AT = _HEADER.size - _COUNT.size
_LAST_SHIFT = 28
"""The shift of a number's fifth byte: a length has 32 bits."""
_START_BYTES = 1_024
"""What is read of a record that is not kept: enough for its offset."""


class Batch(Protocol):
    """An uncompressed batch of the log."""

    def __iter__(self) -> Iterator[Any]:
        """Yield its records."""

    def unreadable_rest(self, following: int, raw: bytes, problem: str) -> Any:
        """Return a record at offset `following` that stands for the rest of the batch."""


def codec_of(raw: bytes | memoryview) -> int:
    """The compression of a batch with a complete header; 0 is none."""
    attributes: int = _ATTRIBUTES.unpack_from(raw, _ATTRIBUTES_AT)[0]
    return attributes & _CODEC_MASK


class CompressedBatch:
    """One batch. Stands in for aiokafka's `DefaultRecordBatch`."""

    def __init__(self, raw: bytes, parse: Callable[[bytes], Any]) -> None:
        """`raw` are header and records as they are in the log; `parse` reads a `Batch` that is not compressed."""
        self._raw = raw
        self._parse = parse
        self._batch = parse(raw)
        self._count: int = _COUNT.unpack_from(raw, _COUNT_AT)[0]
        self._yielded = 0
        self._open: Iterator[Any] | None = None
        self._stream: Decompression | None = None

    def __getattr__(self, name: str) -> Any:
        """Everything else is the batch's own: offsets, producer, `validate_crc`."""
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self._open is None:
            _opened.replace(self)
            self._open = islice(self._records(), self._yielded, None)
        try:
            record = next(self._open)
        except StopIteration:
            _opened.close()
            raise
        self._yielded += 1
        return record

    def close(self) -> None:
        """Drop what is decompressed."""
        self._open = None
        if self._stream:
            self._stream.close()
            self._stream = None

    def _records(self) -> Iterator[Any]:
        """Yield all records from the first one on."""
        codec, data = codec_of(self._raw), self._raw[_HEADER.size :]
        try:
            whole = decompressed(codec, data)
        except Undecompressed as error:
            yield self._unreadable_rest(self._batch.base_offset, error)
            return
        if whole is not None:
            yield from self._parse(_uncompressed(self._raw, self._count) + whole)
            return
        self._stream = Decompression(codec, data)
        yield from self._streamed(self._stream)

    def _streamed(self, stream: Decompression) -> Iterator[Any]:
        header = _uncompressed(self._raw, 1)
        following = self._batch.base_offset
        for _ in range(self._count):
            try:
                record = self._next_of(stream, header)
            except Undecompressed as error:
                yield self._unreadable_rest(following, error)
                return
            following = record.offset + 1
            yield record

    def _unreadable_rest(self, following: int, error: Undecompressed) -> Any:
        return self._batch.unreadable_rest(following, self._raw, f"cannot be decompressed: {error}")

    def _next_of(self, stream: Decompression, header: bytes) -> Any:
        length = _read_varint(stream)
        if length <= 0:
            raise Undecompressed(f"a record claims to have {length} bytes")
        prefix = bytearray(header)
        encode_varint(length, prefix.append)
        if length <= MAX_RECORD_BYTES:
            return next(iter(self._parse(bytes(prefix) + stream.read(length))))
        start = stream.read(_START_BYTES)
        stream.skip(length - _START_BYTES)
        return self._batch.too_large(start, length)


class _Opened:
    """The compressed batch that is open in this process."""

    def __init__(self) -> None:
        self._batch: CompressedBatch | None = None

    def replace(self, batch: CompressedBatch) -> None:
        self.close()
        self._batch = batch

    def close(self) -> None:
        if self._batch:
            self._batch.close()
            self._batch = None


_opened = _Opened()


def _uncompressed(raw: bytes, count: int) -> bytes:
    """Return the header of a batch like `raw` that has `count` records and no compression."""
    header = bytearray(raw[: _HEADER.size])
    attributes = _ATTRIBUTES.unpack_from(header, _ATTRIBUTES_AT)[0] & ~_CODEC_MASK
    _ATTRIBUTES.pack_into(header, _ATTRIBUTES_AT, attributes)
    _COUNT.pack_into(header, _COUNT_AT, count)
    return bytes(header)


def _read_varint(stream: Decompression) -> int:
    """Read a number as Kafka's records have it: seven bits a byte, zigzag."""
    number = shift = 0
    while (byte := stream.read(1)[0]) & 0x80 and shift < _LAST_SHIFT:
        number |= (byte & 0x7F) << shift
        shift += 7
    number |= byte << shift
    return (number >> 1) ^ -(number & 1)
