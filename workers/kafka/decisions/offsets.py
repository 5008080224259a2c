"""Which offset of a partition is safe to commit."""

from collections import deque


class OffsetTracker:
    """Follows one partition's records from delivery to acknowledgement.

    Records finish in any order; safe to commit is only what has nothing unfinished before it. Offsets have gaps
    (compaction, transactions), so their order is that of delivery.
    """

    def __init__(self, position: int) -> None:
        """`position` is the offset at which delivery begins."""
        self._safe = position
        self._position = position
        self._delivered: deque[tuple[int, float]] = deque()
        self._unfinished: dict[int, int] = {}
        self._pending_bytes = 0

    @property
    def safe(self) -> int:
        """The offset to commit: the one after the last record before which everything is finished."""
        return self._safe

    @property
    def position(self) -> int:
        """The offset at which delivery goes on."""
        return self._position

    @property
    def waiting_since(self) -> float | None:
        """When the oldest unfinished record was delivered; None if all are finished."""
        return self._delivered[0][1] if self._delivered else None

    @property
    def pending(self) -> int:
        return len(self._unfinished)

    @property
    def pending_bytes(self) -> int:
        return self._pending_bytes

    @property
    def span(self) -> int:
        """Records since the oldest unfinished one, those that are finished included."""
        return len(self._delivered)

    def delivered(self, offset: int, size_bytes: int, now: float) -> None:
        """Follow a record; offsets must rise."""
        if offset < self._position:
            raise ValueError(f"offset {offset} was delivered after {self._position - 1}")
        self._delivered.append((offset, now))
        self._unfinished[offset] = size_bytes
        self._pending_bytes += size_bytes
        self._position = offset + 1

    def skip_to(self, offset: int) -> None:
        """Go on at `offset`: before it there is nothing more for us. It expired, say, or was aborted."""
        self._position = max(self._position, offset)
        self._advance()

    def finished(self, offset: int) -> None:
        self._pending_bytes -= self._unfinished.pop(offset)
        self._advance()

    def _advance(self) -> None:
        while self._delivered and self._delivered[0][0] not in self._unfinished:
            self._safe = self._delivered.popleft()[0] + 1
        if not self._delivered:
            self._safe = self._position
