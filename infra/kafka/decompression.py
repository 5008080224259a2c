"""Decompresses Kafka's record batches without ever holding a large one whole.

A batch of 1 MB can decompress to 30 GB (zstd). Each call of aiokafka's codecs returns the whole batch, so a small batch
goes into a buffer of `WHOLE_BYTES`; one that does not fit is decompressed by a thread into a pipe, which holds 64 KiB,
and its reader takes as much as it wants.
"""

import os
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from enum import IntEnum
from typing import Any

import cramjam

WHOLE_BYTES = 1024 * 1024
MAX_BYTES = 1024 * 1024 * 1024
"""What is read of one batch. Reading that much takes a second, during which this process does nothing else."""
_CHUNK = 64 * 1024
_XERIAL = b"\x82SNAPPY\0"
_XERIAL_HEADER_BYTES = 16
_MAX_SNAPPY_RATIO = 64
"""A copy of 64 bytes takes three."""


class Undecompressed(Exception):
    """A batch cannot be decompressed, or not completely. The message is why."""


class Codec(IntEnum):
    """The numbers of Kafka's record format."""

    NONE = 0
    GZIP = 1
    SNAPPY = 2
    LZ4 = 3
    ZSTD = 4


_DECOMPRESS_INTO: Mapping[int, Callable[[bytes, Any], int]] = {
    Codec.GZIP: cramjam.gzip.decompress_into,
    Codec.LZ4: cramjam.lz4.decompress_into,
    Codec.ZSTD: cramjam.zstd.decompress_into,
}
_whole = bytearray(WHOLE_BYTES)
"""Used by one call at a time: consumers run in one thread."""


def decompressed(codec: int, data: bytes) -> bytes | None:
    """Return what `data` decompresses to, or None if that is more than `WHOLE_BYTES`.

    Raises `Undecompressed`.
    """
    if codec == Codec.SNAPPY:
        return _snappy(data) if _snappy_bytes(data) <= WHOLE_BYTES else None
    if codec not in _DECOMPRESS_INTO:
        raise Undecompressed(f"its compression {codec} is unknown")
    try:
        size = _DECOMPRESS_INTO[codec](data, _whole)
    except cramjam.DecompressionError:
        return None  # too large or corrupt: the stream finds out
    return bytes(memoryview(_whole)[:size])


class Decompression:
    """A stream of what `data` decompresses to. Close it."""

    def __init__(self, codec: int, data: bytes) -> None:
        readable, self._writable = os.pipe()
        self._stream = os.fdopen(readable, "rb", buffering=_CHUNK)
        # Opened here: once the reader has closed its end, opening would wait.
        self._pipe = None if codec == Codec.SNAPPY else cramjam.File(f"/dev/fd/{self._writable}", False, True, False)
        self._read = 0
        threading.Thread(target=self._run, args=(codec, data), name="decompression", daemon=True).start()

    def read(self, size: int) -> bytes:
        """Return exactly `size` bytes. Raises `Undecompressed` if there are fewer."""
        self._read += size
        if self._read > MAX_BYTES:
            raise Undecompressed(f"it has more than {MAX_BYTES // 1024**2:,} MiB")
        data = self._stream.read(size)
        if len(data) < size:
            raise Undecompressed(f"it is damaged after {self._read - size + len(data):,} bytes")
        return data

    def skip(self, size: int) -> None:
        """Read and drop. Raises as `read` does."""
        for left in range(size, 0, -_CHUNK):
            self.read(min(left, _CHUNK))

    def close(self) -> None:
        """The thread ends with its next write."""
        self._stream.close()

    def _run(self, codec: int, data: bytes) -> None:
        try:
            with suppress(cramjam.DecompressionError, OSError):
                if self._pipe is None:
                    _snappy_into(data, self._writable)
                else:
                    _DECOMPRESS_INTO[codec](data, self._pipe)
        finally:
            self._pipe = None
            os.close(self._writable)


def _snappy_blocks(data: bytes) -> Iterator[bytes]:
    """Java writes blocks with their lengths in front, other clients a single block."""
    if not data.startswith(_XERIAL):
        yield data
        return
    at = _XERIAL_HEADER_BYTES
    while at < len(data):
        (size,) = struct.unpack_from(">i", data, at)
        yield data[at + 4 : at + 4 + size]
        at += 4 + size


def _snappy_bytes(data: bytes) -> int:
    """Raises `Undecompressed`, also for a length that snappy cannot reach."""
    size = 0
    try:
        for block in _snappy_blocks(data):
            expected = cramjam.snappy.decompress_raw_len(block)
            if expected > _MAX_SNAPPY_RATIO * len(block):
                raise Undecompressed(f"a snappy block of {len(block):,} bytes claims to have {expected:,}")
            size += expected
    except (cramjam.DecompressionError, struct.error) as error:
        raise Undecompressed(str(error)) from error
    return size


def _snappy(data: bytes) -> bytes:
    try:
        return b"".join(bytes(cramjam.snappy.decompress_raw(block)) for block in _snappy_blocks(data))
    except cramjam.DecompressionError as error:
        raise Undecompressed(str(error)) from error


def _snappy_into(data: bytes, pipe: int) -> None:
    with os.fdopen(pipe, "wb", closefd=False) as stream:
        stream.writelines(bytes(cramjam.snappy.decompress_raw(block)) for block in _snappy_blocks(data))
