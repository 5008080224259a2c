"""A storm over all six patterns: load and faults at the same time, then every unit is compared with its model."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import httpx2
from temporalio.client import Client
from temporalio.converter import DataConverter

from devstack.supervisor import Supervisor
from domain.pattern import Pattern
from infra.database import Database
from tests.chaos.client import PatientClient
from tests.chaos.faults import Fault, Injector, Kind
from tests.chaos.history import has_local_steps, history
from tests.chaos.load import Load, open_topics
from tests.chaos.model import Answer, Unit, World
from tests.chaos.observation import ask_gateway, read_database
from tests.chaos.stormy_stack import SEED
from tests.chaos.units import Size, make_units

SETTLED_WITHIN_SECONDS = 300.0
"""After the last fault and the last answer: the longest heartbeat timeout of a lost worker, 60 s, and its retries, on a
busy machine."""
MAX_HISTORIES = 10


class Stormy(Protocol):
    """What a storm needs of the stack that it is over."""

    @property
    def processes(self) -> Supervisor: ...
    @property
    def bootstrap(self) -> str: ...
    @property
    def temporal_address(self) -> str: ...
    @property
    def converter(self) -> DataConverter: ...
    @property
    def database_url(self) -> str: ...


class Storm:
    """One storm over a running stack. The seed decides its units, whose names begin with `prefix`.

    `idempotent`: the broker may be killed, and has idempotent producers, which write each record once all the same.
    """

    def __init__(
        self,
        stack: Stormy,
        http: httpx2.AsyncClient,
        size: Size,
        injector: Injector,
        *,
        seed: int = SEED,
        prefix: str = "",
        idempotent: bool = False,
        client: type[PatientClient] = PatientClient,
    ) -> None:
        self._stack = stack
        self._client = client(http)
        self._seed = seed
        self.units = [replace(unit, name=f"{prefix}{unit.name}") for unit in make_units(random.Random(seed), size)]
        self._injector = injector
        self._load = Load(self._client, stack.bootstrap, idempotent=idempotent)
        self._subscriptions: list[str] = []

    async def run(self) -> dict[Unit, list[str]]:
        """Return what is wrong, by unit. Raises `ChildDied` if a process ends that was not killed."""
        return await self._stack.processes.while_alive(self._run())

    async def _run(self) -> dict[Unit, list[str]]:
        self._subscriptions = await open_topics(self._stack.bootstrap, self._client)
        self._began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._disturb())
            group.create_task(self._load.play(self.units))
        self._loaded = time.monotonic()
        database = Database(self._stack.database_url)
        try:
            return await self._settle(database, self.units)
        finally:
            await database.close()
            self._ended = time.monotonic()

    async def _disturb(self) -> None:
        await self._injector.run()

    async def _settle(self, database: Database, units: Sequence[Unit]) -> dict[Unit, list[str]]:
        """Check the units repeatedly until all are right at the same time, or the time is over."""
        deadline = time.monotonic() + SETTLED_WITHIN_SECONDS
        while True:
            wrong = await self._check(database, units)
            if not wrong or time.monotonic() > deadline:
                return wrong
            await asyncio.sleep(1)

    async def _check(self, database: Database, units: Sequence[Unit]) -> dict[Unit, list[str]]:
        world = World(answers=self._load.answers)
        await ask_gateway(self._client, units, world)
        await read_database(database, world)
        return {unit: violations for unit in units if (violations := unit.violations(world))}

    async def patterns_with_local_steps(self) -> set[Pattern]:
        client = await Client.connect(self._stack.temporal_address, data_converter=self._stack.converter)
        return {unit.pattern for unit in self.units if await has_local_steps(client, unit)}

    async def dead_records(self) -> list[Answer]:
        """The pages of dead-lettered records that are not empty. None is expected: every record of a storm is valid."""
        pages = [await self._client.send("GET", f"/subscriptions/{each}/deadLetters") for each in self._subscriptions]
        return [page for page in pages if page.body.get("deadLetters") != []]

    def report(self, wrong: dict[Unit, list[str]]) -> str:
        counts = Counter[str]()
        for unit in self.units:
            counts[unit.pattern.service] += unit.size
        repeated = sum(self._client.repeated.values())
        kills = sum(fault.kind is Kind.KILL for fault in self._injector.injected)
        lines = [
            f"seed {self._seed}: {counts.total():,} units, {len(self._injector.injected)} faults ({kills} kills), "
            f"{sum(map(len, wrong.values()))} violations",
            f"  units: {', '.join(f'{service} {count:,}' for service, count in counts.items())}",
            f"  requests sent again: {repeated:,} ({_counted(self._client.repeated)})",
            f"  time: {self._loaded - self._began:.0f} s of load and faults, "
            f"{self._ended - self._loaded:.0f} s until every unit was right",
            "  faults:",
            *(f"    {fault}" for fault in sorted(self._injector.injected, key=_moment)),
        ]
        return "\n".join(lines)

    def slowest(self, count: int = 5) -> str:
        """The requests that took longest until their final answer."""
        slowest = sorted(self._client.seconds, reverse=True)[:count]
        return "\n".join(f"  {seconds:6.1f} s  {request}" for seconds, request in slowest)

    async def explain(self, wrong: dict[Unit, list[str]]) -> str:
        """List each violation; for the first units also what was requested and what happened."""
        client = await Client.connect(self._stack.temporal_address, data_converter=self._stack.converter)
        lines = []
        for number, (unit, violations) in enumerate(wrong.items()):
            lines += [f"{unit.name}: {violation}" for violation in violations]
            if number < MAX_HISTORIES:
                lines += [f"  requested: {unit}", *(f"  {line}" for line in await history(client, unit))]
        return "\n".join(lines)


def _moment(fault: Fault) -> float:
    return fault.at_seconds


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common())
