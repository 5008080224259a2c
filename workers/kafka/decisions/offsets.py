"""Which offset of a partition is safe to commit."""

from collections import deque


class OffsetTracker:
    """Tracks one partition's records from the moment they are read until they are finished.

    Records finish in any order; an offset is safe to commit only if everything before it is finished. Offsets have gaps
    (compaction, transactions), so the tracker goes by the order in which records were read.
    """

    def __init__(self, position: int) -> None:
        """`position` is the offset at which reading begins."""
        self._safe = position
        self._position = position
        self._received: deque[tuple[int, float]] = deque()
        self._unfinished: dict[int, int] = {}
        self._pending_bytes = 0

    @property
    def safe(self) -> int:
        """The offset to commit: everything before it is finished."""
        return self._safe

    @property
    def position(self) -> int:
        """The offset of the next record to read."""
        return self._position

    @property
    def waiting_since(self) -> float | None:
        """When the oldest unfinished record was read; None if all are finished."""
        return self._received[0][1] if self._received else None

    @property
    def pending(self) -> int:
        """The number of unfinished records."""
        return len(self._unfinished)

    @property
    def pending_bytes(self) -> int:
        return self._pending_bytes

    @property
    def span(self) -> int:
        """The number of records from the oldest unfinished one on, finished ones included."""
        return len(self._received)

    def received(self, offset: int, size_bytes: int, now: float) -> None:
        """Track a record that was read. Raises `ValueError` unless offsets rise."""
        if offset < self._position:
            raise ValueError(f"offset {offset} was read after {self._position - 1}")
        self._received.append((offset, now))
        self._unfinished[offset] = size_bytes
        self._pending_bytes += size_bytes
        self._position = offset + 1

    def skip_to(self, offset: int) -> None:
        """Continue at `offset`: the log has no more records for us before it, because they expired or were aborted."""
        self._position = max(self._position, offset)
        self._advance()

    def finished(self, offset: int) -> None:
        self._pending_bytes -= self._unfinished.pop(offset)
        self._advance()

    def _advance(self) -> None:
        while self._received and self._received[0][0] not in self._unfinished:
            self._safe = self._received.popleft()[0] + 1
        if not self._received:
            self._safe = self._position
