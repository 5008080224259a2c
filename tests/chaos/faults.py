"""What goes wrong: decided beforehand by a seed, or at random moments, then done to a stack.

Processes die and start again, or hang for a while; somebody else holds the database.
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
from tests.chaos.stormy_stack import SEED

DATABASE = "database"
PROCESSES = ("gateway", "workers", "workers-2", "temporal")
STARTS = 5
"""A process that finds Temporal away when it starts ends, as it may; whoever runs it starts it again."""


class Kind(StrEnum):
    KILL = "kill"
    PAUSE = "pause"
    LOCK = "lock"


LONGEST_SECONDS = {Kind.KILL: 4.0, Kind.PAUSE: 13.0, Kind.LOCK: 13.0}
"""Longer than what it breaks: a client's patience of 2 to 10 s, an activity's 10 s, a busy database's 10 s."""


@dataclass(frozen=True)
class Fault:
    """At `at_seconds` after the start, and for how long: a killed process is away as long before it starts again."""

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
    """Spread the faults over `seconds`, the processes in turn, so that two on one target do not overlap."""
    struck = [Kind.KILL] * counts.kills + [Kind.PAUSE] * counts.pauses
    chance.shuffle(struck)
    processes = list(PROCESSES)
    chance.shuffle(processes)
    strikes = [(kind, processes[number % len(processes)]) for number, kind in enumerate(struck)]
    for number in range(counts.locks):
        strikes.insert((number + 1) * counts.total // counts.locks - 1, (Kind.LOCK, DATABASE))
    gap = seconds / counts.total
    longest = 3 * gap
    return [
        Fault(
            at_seconds=(number + chance.uniform(0, 0.8)) * gap,
            kind=kind,
            target=target,
            lasting_seconds=chance.uniform(0.3, min(longest, LONGEST_SECONDS[kind])),
        )
        for number, (kind, target) in enumerate(strikes)
    ]


class Injector:
    """Does to a stack what a plan says, and remembers what it did."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.injected: list[Fault] = []

    async def inject(self, faults: Sequence[Fault]) -> None:
        """Return when the last fault is over and everything runs."""
        async with asyncio.TaskGroup() as group:
            for fault in faults:
                group.create_task(self._strike(fault))

    async def _strike(self, fault: Fault) -> None:
        await asyncio.sleep(fault.at_seconds)
        async with self._turns[fault.target]:
            self.injected.append(fault)
            if fault.kind is Kind.KILL:
                await kill_and_restart(self._stack, fault.target, fault.lasting_seconds)
            elif fault.kind is Kind.PAUSE:
                self._stack.processes.pause(fault.target)
                await asyncio.sleep(fault.lasting_seconds)
                self._stack.processes.resume(fault.target)
            else:
                await asyncio.to_thread(_hold_the_lock, self._stack.data.database, fault.lasting_seconds)


def _hold_the_lock(database: Path, seconds: float) -> None:
    """Let nobody write to the SQLite database. Waits for its own turn at most a minute."""
    with closing(sqlite3.connect(database, isolation_level=None, timeout=60)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(seconds)
        connection.execute("ROLLBACK")


async def kill_and_restart(stack: Stack, name: str, away_seconds: float = 0.0) -> None:
    """End a process of the stack as a crash would, and start it again."""
    await stack.processes.kill(name)
    await asyncio.sleep(away_seconds)
    for attempt in range(1, STARTS + 1):
        try:
            await stack.processes.start(name)
        except ChildDied:
            if attempt == STARTS:
                raise
            await asyncio.sleep(1)
        else:
            return


@asynccontextmanager
async def killing(
    kill: Sequence[Callable[[], Awaitable[str]]], pause_seconds: tuple[float, float]
) -> AsyncIterator[Counter[str]]:
    """Call one of `kill` at random moments while the body runs; each kills something, restarts it and names it."""
    chance = random.Random(SEED)
    killed: Counter[str] = Counter()

    async def storm() -> None:
        while True:
            await asyncio.sleep(chance.uniform(*pause_seconds))
            killed[await chance.choice(kill)()] += 1

    storming = asyncio.create_task(storm())
    try:
        yield killed
    finally:
        storming.cancel()
        await asyncio.wait({storming})
        if not storming.cancelled():
            storming.result()


def killer(stack: Stack, name: str) -> Callable[[], Awaitable[str]]:
    """Kills a process of the stack with -9, and starts it again."""

    async def strike() -> str:
        # A restart that is cut off would leave the stack without the process.
        await asyncio.shield(kill_and_restart(stack, name))
        return name

    return strike
