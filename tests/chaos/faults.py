"""Faults: planned from a seed or at random moments, then injected into a stack.

Processes are killed and restarted, or paused for a while; another connection locks the database.
"""

import asyncio
import random
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from devstack.errors import ChildDied
from devstack.stack import Stack
from devstack.supervisor import Supervisor
from tests.chaos.stormy_stack import SEED

DATABASE = "database"
PROCESSES = ("gateway", "workers", "workers-2", "temporal")
START_ATTEMPTS = 5
"""A process that cannot reach Temporal when it starts may end; its supervisor must start it again."""


class Kind(StrEnum):
    KILL = "kill"
    PAUSE = "pause"
    LOCK = "lock"
    RESTART = "restart"
    REFUSE = "refuse connections"


MAX_SECONDS = {Kind.KILL: 4.0, Kind.PAUSE: 13.0, Kind.LOCK: 13.0}
"""Longer than the timeouts that it must exceed: a client's 2 to 10 s, an activity's 10 s, a busy database's 10 s."""


@dataclass(frozen=True)
class Fault:
    """Begins `at_seconds` after the start. A killed process is down for `lasting_seconds` before it is restarted."""

    at_seconds: float
    kind: Kind
    target: str
    lasting_seconds: float

    def __str__(self) -> str:
        return f"{self.at_seconds:6.1f} s  {self.kind} {self.target} for {self.lasting_seconds:.1f} s"


@dataclass(frozen=True)
class FaultCounts:
    kills: int
    pauses: int
    locks: int

    @property
    def total(self) -> int:
        return self.kills + self.pauses + self.locks


def plan(chance: random.Random, counts: FaultCounts, seconds: float) -> list[Fault]:
    """Spread the faults over `seconds`. The processes take turns, so that two faults of one target do not overlap."""
    kinds = [Kind.KILL] * counts.kills + [Kind.PAUSE] * counts.pauses
    chance.shuffle(kinds)
    processes = list(PROCESSES)
    chance.shuffle(processes)
    faults = [(kind, processes[number % len(processes)]) for number, kind in enumerate(kinds)]
    for number in range(counts.locks):
        faults.insert((number + 1) * counts.total // counts.locks - 1, (Kind.LOCK, DATABASE))
    gap = seconds / max(counts.total, 1)
    longest = 3 * gap
    return [
        Fault(
            at_seconds=(number + chance.uniform(0, 0.8)) * gap,
            kind=kind,
            target=target,
            lasting_seconds=chance.uniform(0.3, min(longest, MAX_SECONDS[kind])),
        )
        for number, (kind, target) in enumerate(faults)
    ]


class Injector:
    """Injects faults, each with `inject`, which returns when it is over. `injected` are those that have begun.

    Two faults of one target do not overlap; `in_turn` says that no two do.
    """

    def __init__(
        self, faults: Sequence[Fault], inject: Callable[[Fault], Awaitable[None]], *, in_turn: bool = False
    ) -> None:
        self._faults = faults
        self._inject = inject
        self._in_turn = in_turn
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.injected: list[Fault] = []

    async def run(self) -> None:
        """Return when the last fault is over and everything runs again."""
        async with asyncio.TaskGroup() as group:
            for fault in self._faults:
                group.create_task(self._when_it_is_due(fault))

    async def _when_it_is_due(self, fault: Fault) -> None:
        await asyncio.sleep(fault.at_seconds)
        async with self._turns["" if self._in_turn else fault.target]:
            self.injected.append(fault)
            await self._inject(fault)


async def inject(stack: Stack, fault: Fault) -> None:
    """Inject a fault into the embedded stack. Return when it is over and everything runs again."""
    if fault.kind is Kind.KILL:
        await kill_and_restart(stack.processes, fault.target, fault.lasting_seconds)
    elif fault.kind is Kind.PAUSE:
        stack.processes.pause(fault.target)
        await asyncio.sleep(fault.lasting_seconds)
        stack.processes.resume(fault.target)
    else:
        await asyncio.to_thread(_lock_database, stack.data.database, fault.lasting_seconds)


def _lock_database(database: Path, seconds: float) -> None:
    """Block all other writers of the SQLite database. Waits up to a minute for the lock."""
    with closing(sqlite3.connect(database, isolation_level=None, timeout=60)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(seconds)
        connection.execute("ROLLBACK")


async def kill_and_restart(processes: Supervisor, name: str, down_seconds: float = 0.0) -> None:
    """Kill a process, and restart it after `down_seconds`."""
    await processes.kill(name)
    await asyncio.sleep(down_seconds)
    for attempt in range(1, START_ATTEMPTS + 1):
        try:
            await processes.start(name)
        except ChildDied:
            if attempt == START_ATTEMPTS:
                raise
            await asyncio.sleep(1)
        else:
            return


@asynccontextmanager
async def random_kills(
    kills: Sequence[Callable[[], Awaitable[str]]], pause_seconds: tuple[float, float]
) -> AsyncIterator[Counter[str]]:
    """Call one of `kills` at random moments while the body runs. Each kills a process, restarts it, returns its name.

    Yields how often each was killed.
    """
    chance = random.Random(SEED)
    killed: Counter[str] = Counter()

    async def keep_killing() -> None:
        while True:
            await asyncio.sleep(chance.uniform(*pause_seconds))
            killed[await chance.choice(kills)()] += 1

    killing = asyncio.create_task(keep_killing())
    try:
        yield killed
    finally:
        killing.cancel()
        await asyncio.wait({killing})
        if not killing.cancelled():
            killing.result()


def killer(stack: Stack, name: str) -> Callable[[], Awaitable[str]]:
    """A function that kills a process of the stack with SIGKILL, restarts it and returns its name."""

    async def kill() -> str:
        # A restart that is interrupted would leave the stack without the process.
        await asyncio.shield(kill_and_restart(stack.processes, name))
        return name

    return kill
