"""How much memory the consumers of a process may use for records."""

from collections.abc import Iterator
from contextlib import contextmanager

MIB = 1024 * 1024
DEFAULT_BYTES = 64 * MIB


class Share:
    """An equal part of the process's memory. It shrinks while more consumers run."""

    def __init__(self, memory: "Memory") -> None:
        self._memory = memory

    @property
    def fetched_bytes(self) -> int:
        """For what Kafka has sent and was not read yet, compressed as it came."""
        return self._memory.bytes_each // 8

    @property
    def unfinished_bytes(self) -> int:
        """For records that were read and are not finished. See `memory_bytes`."""
        return self._memory.bytes_each // 2

    @property
    def in_flight_bytes(self) -> int:
        """For the keys and values that are being sent: encoding and sending a batch takes about six copies of it."""
        return self._memory.bytes_each // 16


class Memory:
    """What all consumers of a process may use together."""

    def __init__(self, total_bytes: int = DEFAULT_BYTES) -> None:
        self._total = total_bytes
        self._shares = 0

    @property
    def bytes_each(self) -> int:
        return self._total // max(1, self._shares)

    @contextmanager
    def share(self) -> Iterator[Share]:
        """Yield the share of a consumer, for as long as it runs."""
        self._shares += 1
        try:
            yield Share(self)
        finally:
            self._shares -= 1
