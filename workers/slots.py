"""Slots for tasks that can be closed: the worker goes on with what it has, and asks for no further tasks."""

import asyncio
import threading
import time
from collections import deque
from contextlib import suppress

from temporalio.common import MetricGauge
from temporalio.worker import (
    CustomSlotSupplier,
    SlotMarkUsedContext,
    SlotPermit,
    SlotReleaseContext,
    SlotReserveContext,
)

METRIC = "temporal_worker_task_slots_available"
"""Slots without a task. The SDK has this metric for its own slots only."""


class ClosableSlots(CustomSlotSupplier):
    """A fixed number of slots, each for a poll and then for the task that it brings.

    The SDK reserves them on the event loop, and uses and releases them in threads of its own.
    """

    def __init__(self, slots: int, available: MetricGauge) -> None:
        self._slots = slots
        self._reserved = 0
        self._used = 0
        self._counting = threading.Lock()
        self._closed = False
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._last_task_at = time.monotonic()
        self._available = available
        available.set(slots)

    def close(self) -> None:
        """Give no more slots, except for tasks of workflows that this worker has in memory (its sticky queue)."""
        self._closed = True

    @property
    def open_polls(self) -> int:
        return self._reserved - self._used

    @property
    def idle_seconds(self) -> float:
        """The time since the last task came or was answered: one that is handed back may come again at once."""
        return time.monotonic() - self._last_task_at

    async def reserve_slot(self, ctx: SlotReserveContext) -> SlotPermit:
        self._loop = asyncio.get_running_loop()
        while (permit := self.try_reserve_slot(ctx)) is None:
            freed = self._loop.create_future()
            self._waiting.append(freed)
            if self._may_have(ctx):  # a slot became free just before it could be waited for
                self._wake()
            try:
                await freed
            except asyncio.CancelledError:
                self._wake()  # the free slot may be one that another poll waits for
                raise
        return permit

    def try_reserve_slot(self, ctx: SlotReserveContext) -> SlotPermit | None:
        with self._counting:
            if not self._may_have(ctx):
                return None
            self._reserved += 1
        return SlotPermit()

    def mark_slot_used(self, ctx: SlotMarkUsedContext) -> None:  # noqa: ARG002
        with self._counting:
            self._used += 1
        self._last_task_at = time.monotonic()
        self._available.set(self._slots - self._used)

    def release_slot(self, ctx: SlotReleaseContext) -> None:
        with self._counting:
            self._reserved -= 1
            self._used -= ctx.slot_info is not None
        if ctx.slot_info is not None:
            self._last_task_at = time.monotonic()
        self._available.set(self._slots - self._used)
        if self._waiting and self._loop:
            with suppress(RuntimeError):  # the loop is closed, because the process ends
                self._loop.call_soon_threadsafe(self._wake)

    def _may_have(self, ctx: SlotReserveContext) -> bool:
        return self._reserved < self._slots and (ctx.is_sticky or not self._closed)

    def _wake(self) -> None:
        """Let all that wait try again: at most one poll of each queue."""
        waiting = list(self._waiting)
        self._waiting.clear()
        for freed in waiting:
            if not freed.done():
                freed.set_result(None)
