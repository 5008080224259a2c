"""What a process measures of its connections to the database."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from temporalio.common import MetricMeter

from domain.metrics import POOL_IN_USE, POOL_SIZE, POOL_WAIT_SECONDS, POOL_WAITING


class PoolMetrics:
    """Transactions that wait for a connection, and those that have one."""

    def __init__(self, meter: MetricMeter, size: int) -> None:
        """`size` is how many connections there may be."""
        POOL_SIZE.on(meter).set(size)
        self._in_use_gauge, self._in_use = POOL_IN_USE.on(meter), 0
        self._waiting_gauge, self._waiting = POOL_WAITING.on(meter), 0
        self._seconds = POOL_WAIT_SECONDS.on(meter)
        self._show()

    @contextmanager
    def transaction(self) -> Iterator[Callable[[], None]]:
        """Measure a transaction, which waits until it calls what this yields."""
        asked_at, has_begun = time.perf_counter(), False

        def begun() -> None:
            nonlocal has_begun
            has_begun = True
            self._waiting -= 1
            self._in_use += 1
            self._seconds.record(time.perf_counter() - asked_at)
            self._show()

        self._waiting += 1
        self._show()
        try:
            yield begun
        finally:
            if has_begun:
                self._in_use -= 1
            else:
                self._waiting -= 1
                self._seconds.record(time.perf_counter() - asked_at)
            self._show()

    def _show(self) -> None:
        self._in_use_gauge.set(self._in_use)
        self._waiting_gauge.set(self._waiting)
