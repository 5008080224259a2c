"""The worker of a pool, which leaves without delaying what other workers can do.

The SDK (temporalio 1.35) ends in a way that can cost time. It goes on with the workflows that it has in memory for as
long as any of them gets a further task, which can be long while signals arrive. And a task that one of its open polls
brings in the milliseconds in which it ends is lost: a workflow task waits for its time limit, an activity for that of
its heartbeat. With `frontend.enableCancelWorkerPollsOnShutdown` Temporal answers those polls and the SDK waits for the
answers, so that a slow network loses no more. But the SDK may throw away a task even so, and Temporal (1.32) may lose
one while it ends the polls: of 50 workers that ended just when workflows were started, 32 lost a task with the setting,
24 without. So before the SDK's own shutdown a worker

1. asks for no further tasks, and waits until its open polls have brought theirs, or nothing for a second;
2. hands back the tasks of workflows that it has in memory (`workers.handing_back`), so that other workers get them.
"""

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta

from temporalio.worker import Worker

from workers.slots import ClosableSlots

QUIET_SECONDS = 1.0
"""Open polls are not waited for once no task has come or been answered for this long: what is then lost would have to
come in just the milliseconds in which all of them end."""
POLLS_SECONDS = 8.0
"""How long open polls are waited for at most; two fifths of the time for draining, if that is less. A busy pool needs
it for as many tasks as it has polls."""
PAUSE_SECONDS = 0.02
"""Between two looks at them."""


def time_for_polls(graceful_shutdown: timedelta) -> timedelta:
    """The part of `graceful_shutdown` that may pass before the SDK's own shutdown begins."""
    return min(timedelta(seconds=POLLS_SECONDS), graceful_shutdown * 2 / 5)


@dataclass(frozen=True)
class PoolWorker:
    """A worker with what makes it drain."""

    worker: Worker
    graceful_shutdown: timedelta
    slots: tuple[ClosableSlots, ...] = ()
    draining: threading.Event = field(default_factory=threading.Event)
    """Its workflows hand back their tasks once it is set."""
    threads: Executor | None = None
    """Where its workflows run, if not in threads of the SDK's own."""

    async def run(self) -> None:
        try:
            await self.worker.run()
        finally:
            if self.threads:
                self.threads.shutdown(wait=False)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run between enter and exit, and drain then."""
        running = asyncio.create_task(self.run())
        try:
            yield
        finally:
            await self.drain()
            await running

    async def drain(self) -> None:
        """Return when the worker has ended: about `graceful_shutdown` later at most, if Temporal answers."""
        self.draining.set()
        for slots in self.slots:
            slots.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._polls_end(), time_for_polls(self.graceful_shutdown).total_seconds())
        await self.worker.shutdown()

    async def _polls_end(self) -> None:
        """Return when no open poll is likely to bring a task."""
        while True:
            if not any(slots.open_polls and slots.idle_seconds < QUIET_SECONDS for slots in self.slots):
                return
            await asyncio.sleep(PAUSE_SECONDS)
