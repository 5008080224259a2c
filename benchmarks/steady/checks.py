"""The checks at the end of a run: everything is finished and committed, applied once, and listed once."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from benchmarks.steady.gateway import Gateway
from benchmarks.steady.load import Load
from benchmarks.steady.model import wrong_letters, wrong_packages
from benchmarks.steady.watch import Watch

STANDSTILL_SECONDS = 180.0
"""Unfinished records are waited for as long as some of them are finished, and this much longer."""
RIGHT_WITHIN_SECONDS = 120.0
"""How long a check is repeated until it is right, once the records are finished."""


class Checks:
    """Each returns what is wrong."""

    def __init__(self, gateway: Gateway, load: Load, watch: Watch) -> None:
        self._gateway = gateway
        self._load = load
        self._watch = watch
        self._letters = load.letters()
        self._records = load.records
        """In the topic, with those that were redriven."""

    async def finished(self) -> list[str]:
        """Wait until every record is finished, and its offset committed."""
        latest, moved_at = -1, time.monotonic()
        while (self._watch.finished, self._watch.lag) != (self._records, 0):
            if self._watch.finished != latest:
                latest, moved_at = self._watch.finished, time.monotonic()
            if time.monotonic() > moved_at + STANDSTILL_SECONDS:
                return [f"{latest:,} of {self._records:,} records are finished, consumer lag {self._watch.lag}"]
            await asyncio.sleep(0.5)
        return []

    async def packages(self) -> list[str]:
        """Compare what every package shows with its records."""
        remaining = list(self._load.packages())

        async def wrong() -> list[str]:
            nonlocal remaining
            found = wrong_packages(self._load, await self._gateway.locations(remaining))
            remaining = [each.partition(":")[0] for each in found]
            return found

        return await _right(wrong)

    async def letters(self, attempts: int = 1) -> list[str]:
        """Compare the dead letters that are listed with the poison records."""

        async def wrong() -> list[str]:
            return wrong_letters(self._letters, await self._gateway.letters(), attempts)

        return await _right(wrong)

    async def redriven(self, attempts: int) -> list[str]:
        """Redrive every dead letter. As they are still poison, each must be listed again, after so many `attempts`."""
        redriven = await self._gateway.redrive_all()
        self._watch.note(f"{redriven:,} dead letters are redriven")
        self._records += redriven
        wrong = [f"{redriven} of {len(self._letters)} dead letters were redriven"]
        return [
            *(wrong if redriven != len(self._letters) else []),
            *await self.finished(),
            *await self.letters(attempts),
            *await self.packages(),
        ]


async def _right(check: Callable[[], Awaitable[list[str]]]) -> list[str]:
    """Repeat the check until nothing is wrong, or the time is over. Returns what is wrong then."""
    deadline = time.monotonic() + RIGHT_WITHIN_SECONDS
    while True:
        wrong = await check()
        if not wrong or time.monotonic() > deadline:
            return wrong
        await asyncio.sleep(1)
