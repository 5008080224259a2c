"""One running system: where it listens, what its processes have used, what it has written."""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from temporalio.client import Client

from benchmarks.harness.processes import cpu_by_name
from benchmarks.harness.topics import ALL_TOPICS
from devstack.supervisor import Supervisor

SERVICE_SETTINGS = {
    # The simulated systems answer at once, so that the cost of the machinery is measured.
    "SIMULATED_WORK": "0ms",
    "MODERATION_POLL_INTERVAL": "100ms",
    "KAFKA_ALLOWED": ALL_TOPICS,
}
"""For the services of every system."""

OURS = ("ours", "ours-economy")
"""The systems that are this project."""
PARTITIONS = 4
_WINDOW_SECONDS = 0.3
_IDLE_CORES = 0.10
"""A system is idle if it uses no more than this above what it uses without any load."""
_SETTLED_WITHIN_SECONDS = 10
"""Restate compacts its files for some seconds after a load."""
_IDLE_WITHIN_SECONDS = 30


@dataclass
class System:
    """`roles` names the processes that are its server, its worker and its gateway."""

    name: str
    base_url: str
    credentials: dict[str, str]
    """Headers that each call carries."""
    attach: str
    """The path that waits for the outcome of the invocation `{id}`."""
    bootstrap: str
    roles: Mapping[str, str]
    processes: Supervisor
    store: Path
    """The folder, or the SQLite file, in which the server keeps what must survive."""
    database: Path
    """The SQLite file of the simulated systems."""
    subscribe: Callable[[str, str], Awaitable[None]]
    """Takes a topic and a sink."""
    temporal: Client | None = None
    """For the histories; None if the server is not Temporal."""
    temporal_address: str | None = None
    payload_keys: Path | None = None
    """The keys of what is in Temporal."""
    _cores_without_load: float = field(default=0.0, init=False)

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far, by role."""
        pids = self.processes.pids()
        return cpu_by_name({role: pids[process] for role, process in self.roles.items()})

    def bytes_on_disk(self) -> int:
        """What the server keeps. Of SQLite the pages, because its file grows only when the journal is written back."""
        if self.store.is_file():
            return _select(self.store, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
        return sum(path.stat().st_size for path in self.store.rglob("*") if path.is_file())

    async def measure_without_load(self) -> None:
        """Learn what the system uses while it has nothing to do. Call it once, before any load."""
        self._cores_without_load = min([await self._cores() for _ in range(4)])

    async def settle(self) -> None:
        """Wait until the load before has no effect. Call it before each load.

        What polls its store uses more without load as the store grows: what a system still uses after a while is that.
        """
        deadline = time.perf_counter() + _SETTLED_WITHIN_SECONDS
        while (cores := await self._cores()) > self._cores_without_load + _IDLE_CORES:
            if time.perf_counter() > deadline:
                self._cores_without_load = min(cores, await self._cores())
                return

    async def wait_until_idle(self) -> float:
        """Returns when the system became idle, on the clock of `time.perf_counter`; after 30 s in any case."""
        deadline = time.perf_counter() + _IDLE_WITHIN_SECONDS
        while time.perf_counter() < deadline:
            began = time.perf_counter()
            if await self._cores() < self._cores_without_load + _IDLE_CORES:
                return began
        return time.perf_counter()

    async def _cores(self) -> float:
        before, began = sum(self.cpu().values()), time.perf_counter()
        await asyncio.sleep(_WINDOW_SECONDS)
        return (sum(self.cpu().values()) - before) / (time.perf_counter() - began)

    def count(self, query: str, *parameters: str) -> int:
        """Run a query that counts on the simulated systems' database."""
        return _select(self.database, query, *parameters)


def _select(database: Path, query: str, *parameters: str) -> int:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
        return int(connection.execute(query, parameters).fetchone()[0])
