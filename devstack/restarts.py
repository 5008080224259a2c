"""Starts a process again that ended by itself, within bounds, and knows since when each one is up or down."""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from devstack.child import Log
from devstack.errors import ChildDied, ChildKeepsDying
from devstack.supervisor import Supervisor

WITHIN = timedelta(minutes=1)
PAUSES = (1.0, 2.0, 4.0, 8.0)
"""Seconds until a process is started again, for its first, second, ... end within `WITHIN`; one more end is too many.
They add up to more than Temporal takes to start, without which workers end."""


@dataclass(frozen=True)
class ProcessState:
    """Whether a process serves."""

    is_up: bool
    since: datetime
    """When it became ready, or when it ended."""
    restarts: int = 0


class Restarts:
    """Restarts of the processes of a stack that is up."""

    def __init__(self, processes: Supervisor, log: Log, pauses: Sequence[float] = PAUSES) -> None:
        self._processes = processes
        self._log = log
        self._pauses = pauses
        self._states = {name: ProcessState(True, datetime.now(UTC)) for name in processes.pids()}
        self._ends: dict[str, deque[float]] = defaultdict(deque)
        self._crashed: set[str] = set()

    @property
    def states(self) -> dict[str, ProcessState]:
        """By name, in the order in which the stack starts them."""
        return dict(self._states)

    def crash(self, name: str) -> None:
        """Send SIGKILL to a process that is up. It is started again, and this end does not count as one of many."""
        self._crashed.add(name)
        self._processes.crash(name)
        self._is_down(name)

    async def run(self) -> NoReturn:
        """Start again what ends, until the task is cancelled.

        Raises `ChildKeepsDying` when a process ends too often, and `ChildNotReady` when it does not become ready.
        """
        try:
            async with asyncio.TaskGroup() as restarting:
                while True:
                    restarting.create_task(self._start_again(await self._processes.death()))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _start_again(self, death: ChildDied | None) -> None:
        while death:
            death = await self._after(death)

    async def _after(self, death: ChildDied) -> ChildDied | None:
        """Start the process that died. Return its next death if it does not even become ready."""
        name = death.name
        pause = self._pause(death)
        self._log(name, f"ended with exit code {death.exit_code}; it is started again in {pause:g} s")
        self._is_down(name)
        await asyncio.sleep(pause)
        try:
            await self._processes.start(name)
        except ChildDied as again:
            return again
        self._states[name] = ProcessState(True, datetime.now(UTC), self._states[name].restarts + 1)
        return None

    def _is_down(self, name: str) -> None:
        if self._states[name].is_up:
            self._states[name] = ProcessState(False, datetime.now(UTC), self._states[name].restarts)

    def _pause(self, death: ChildDied) -> float:
        """Raises `ChildKeepsDying`."""
        if death.name in self._crashed:
            self._crashed.discard(death.name)
            return self._pauses[0]
        now, ends = time.monotonic(), self._ends[death.name]
        ends.append(now)
        while ends[0] < now - WITHIN.total_seconds():
            ends.popleft()
        if len(ends) > len(self._pauses):
            raise ChildKeepsDying(death, len(ends), WITHIN)
        return self._pauses[len(ends) - 1]
