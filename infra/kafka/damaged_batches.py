"""Batches that are damaged on a broker's disk: each is one record that cannot be read, and its neighbours are read."""

import hashlib
import struct
from collections.abc import Iterator
from typing import Any, Protocol

_MAGIC = 2
"""The format of batches since Kafka 0.11. There is no later one."""
_COUNT = struct.Struct(">i")
_COUNT_AT = struct.calcsize(">qiibIhiqqqhi")
_MAX_KNOWN = 1_000
_known: dict[bytes, None] = {}
"""Digests of batches that came with a wrong checksum once."""


class Batch(Protocol):
    """A batch as it is in the log. What its header says is wrong if it is damaged there."""

    magic: int
    base_offset: int
    next_offset: int

    def validate_crc(self) -> bool:
        """Whether the checksum is right."""

    def unreadable(self, offset: int, raw: bytes, reason: str) -> Any:
        """Return a record that stands for bytes that cannot be read."""


def damage_of(batch: Batch, raw: bytes) -> str:
    """Return what is wrong with a batch and will stay so; empty if nothing is.

    A wrong checksum counts from the second time on that the same bytes have it: until then the batch may have been
    damaged on its way, and the fetch fails.
    """
    if batch.magic != _MAGIC:
        return f"has the unknown format {batch.magic}"
    if batch.validate_crc():
        return ""
    digest = hashlib.sha256(raw).digest()
    if digest in _known:
        return "has a wrong checksum"
    _known[digest] = None
    if len(_known) > _MAX_KNOWN:
        del _known[next(iter(_known))]
    return ""


class DamagedBatch:
    """Stands in for aiokafka's `DefaultRecordBatch`, with one record."""

    is_control_batch = False
    is_transactional = False
    producer_id = None

    def __init__(self, batch: Batch, raw: bytes, damage: str, following: int | None) -> None:
        """`following` is the offset at which the next batch begins, if it is known."""
        self._batch = batch
        self._raw = raw
        self._damage = damage
        self._following = following

    @property
    def base_offset(self) -> int:
        return self._batch.base_offset

    @property
    def next_offset(self) -> int:
        """Where to continue. What the batch says of that counts only if its number of records agrees: good records
        would be skipped otherwise."""
        base, stated = self.base_offset, self._batch.next_offset
        if self._following is not None and self._following > base:
            return self._following
        (count,) = _COUNT.unpack_from(self._raw, _COUNT_AT)
        return stated if stated == base + count > base else base + 1

    def validate_crc(self) -> bool:
        """Let the fetch pass: the checksum stays wrong."""
        return True

    def __iter__(self) -> Iterator[Any]:
        # At its last offset, since the fetch may begin within the batch.
        last = self.next_offset - 1
        reason = f"The batch of the offsets {self.base_offset} to {last} {self._damage}."
        yield self._batch.unreadable(last, self._raw, reason)
