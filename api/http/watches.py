"""What many clients watch is read once: one reader for each thing and process, however many watch it.

Temporal ◄── read, every half second ── watch ──► client
                                          └─────► client, which gets the latest when it has read the one before
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from fastapi.sse import ServerSentEvent
from temporalio.client import WorkflowQueryFailedError
from temporalio.service import RPCError

from api.http.failures import temporal_problem
from api.http.problems import Problem

log = logging.getLogger("api")

PAUSE = timedelta(milliseconds=500)
"""Between two reads. What changes in between is one event."""
LONG_PAUSE = timedelta(seconds=2)
"""The same for what has not changed in the last `QUIET_READS`."""
QUIET_READS = 40
RECONNECT = timedelta(seconds=2)
"""How long a client waits before it connects again."""


@dataclass(frozen=True)
class Snapshot:
    """What was read: JSON texts."""

    state: str
    outcome: str | None = None
    """With it the watch ends."""

    @property
    def id(self) -> str:
        """The same for the same state, in every gateway."""
        return hashlib.sha256(self.state.encode()).hexdigest()[:16]


Read = Callable[[], Awaitable[Snapshot]]
"""Raises `Problem` if there is nothing to watch, and `RPCError` while Temporal is unavailable."""


class Watch:
    """`latest` is None until the first read, `error` is set while reads fail."""

    def __init__(self, read: Read) -> None:
        self.read = read
        self.latest: Snapshot | None = None
        self.error: Problem | None = None
        self.is_over = False
        self.watchers = 0
        self.changed = asyncio.Event()
        self.first = asyncio.get_running_loop().create_future()
        """Done when there is something to show. Raises what the first read raised."""
        self.reader = asyncio.create_task(self._run())

    def notify(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    async def _run(self) -> None:
        try:
            self._take(await self.read())
            self.first.set_result(None)
        except Exception as error:
            self.first.set_exception(error)
            self.first.exception()  # the last of those who wait for it may have left
            return
        quiet = 0
        while not self.is_over:
            await asyncio.sleep((LONG_PAUSE if quiet > QUIET_READS else PAUSE).total_seconds())
            quiet = 0 if await self._read_again() else quiet + 1

    async def _read_again(self) -> bool:
        """Whether there is something to say."""
        before = self.latest, self.error
        try:
            self._take(await self.read())
        except Problem as problem:  # it is gone: retention has ended, or an operator has deleted it
            self.error, self.is_over = problem, True
        except (RPCError, WorkflowQueryFailedError) as error:
            self.error = self.error or temporal_problem(error)
        except Exception:
            log.exception("A watch has ended; its clients connect again.")
            self.is_over = True
        if has_news := self.is_over or (self.latest, self.error) != before:
            self.notify()
        return has_news

    def _take(self, snapshot: Snapshot) -> None:
        self.latest, self.error = snapshot, None
        self.is_over = self.is_over or snapshot.outcome is not None


class Watches:
    """The watches of one process."""

    def __init__(self) -> None:
        self._watches: dict[str, Watch] = {}
        self._is_closed = False

    @asynccontextmanager
    async def watching(self, name: str, read: Read) -> AsyncIterator[Watch]:
        """Watch what `name` identifies in this process, with those who do so already. Raises what `read` raises."""
        watch = self._watches.get(name)
        if watch is None:
            watch = self._watches[name] = Watch(read)
            watch.is_over = self._is_closed
        watch.watchers += 1
        try:
            await asyncio.shield(watch.first)
            yield watch
        finally:
            watch.watchers -= 1
            if not watch.watchers:
                del self._watches[name]
                watch.reader.cancel()
                await asyncio.gather(watch.reader, return_exceptions=True)

    def close(self) -> None:
        """End every watch, and let new ones show one state: clients connect again, to another gateway."""
        self._is_closed = True
        for watch in self._watches.values():
            watch.is_over = True
            watch.notify()


async def events(watch: Watch, last_event_id: str | None) -> AsyncIterator[ServerSentEvent]:
    """`state` now, unless the client has it already, and at each change; in the end `outcome`, or `gone`.

    `unavailable` says that Temporal cannot be asked; the next `state` that it can again.
    """
    sent = last_event_id
    while True:
        changed, latest, error = watch.changed, watch.latest, watch.error
        if error:
            sent = None
            yield ServerSentEvent(event="gone" if watch.is_over else "unavailable", data=error.document())
        elif latest and latest.id != sent:
            sent = latest.id
            reconnect = round(RECONNECT.total_seconds() * 1000)
            yield ServerSentEvent(event="state", raw_data=latest.state, id=sent, retry=reconnect)
        if latest and latest.outcome is not None:
            yield ServerSentEvent(event="outcome", raw_data=latest.outcome)
        if watch.is_over:
            return
        await changed.wait()
