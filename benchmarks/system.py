"""One system under load: where it listens, what its processes have used, what it has written."""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from benchmarks.processes import cpu_by_name
from devstack.supervisor import Supervisor

SERVICE_SETTINGS = {
    # Nothing is simulated but the systems' answers: what is measured is what the machinery costs.
    "SIMULATED_WORK": "0ms",
    "MODERATION_POLL_INTERVAL": "100ms",
}
"""For the services of every system."""

PARTITIONS = 4
_WINDOW_SECONDS = 0.3
_IDLE_CORES = 0.10
"""A system that uses no more than this above what it uses at rest has nothing to do."""
_REST_WITHIN_SECONDS = 30


class Histories(Protocol):
    """Counts events in workflow histories; only Temporal has them."""

    async def of(self, execution_ids: Sequence[str]) -> int:
        """All events of these workflows, in all their runs."""

    async def of_latest(self, workflow_type: str) -> int:
        """The events of the workflow of this type that ended last."""


@dataclass
class System:
    """A system that runs. `roles` says which of its processes is the server, the worker and the gateway."""

    name: str
    base_url: str
    attach: str
    """The path that waits for the outcome of the invocation `{id}`."""
    bootstrap: str
    roles: Mapping[str, str]
    processes: Supervisor
    store: Path
    """The folder in which the server keeps what must survive, or its SQLite file."""
    database: Path
    """The SQLite file of the simulated systems."""
    subscribe: Callable[[str, str], Awaitable[None]]
    """Takes a topic and a sink."""
    histories: Histories | None = None
    temporal_address: str | None = None
    _cores_at_rest: float = field(default=0.0, init=False)

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far, by role."""
        pids = self.processes.pids()
        return cpu_by_name({role: pids[process] for role, process in self.roles.items()})

    def bytes_on_disk(self) -> int:
        """What the server keeps. Of SQLite its pages, as the file grows only when its journal is written back."""
        if self.store.is_file():
            return _ask(self.store, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
        return sum(path.stat().st_size for path in self.store.rglob("*") if path.is_file())

    async def learn_what_rest_is(self) -> None:
        """To be called once, some seconds after the start."""
        self._cores_at_rest = min([await self._cores() for _ in range(4)])

    async def rest(self) -> float:
        """Wait until there is nothing to do. Returns when that began, on the clock of `time.perf_counter`."""
        deadline = time.perf_counter() + _REST_WITHIN_SECONDS
        while time.perf_counter() < deadline:
            began = time.perf_counter()
            if await self._cores() < self._cores_at_rest + _IDLE_CORES:
                return began
        return time.perf_counter()

    async def _cores(self) -> float:
        before, began = sum(self.cpu().values()), time.perf_counter()
        await asyncio.sleep(_WINDOW_SECONDS)
        return (sum(self.cpu().values()) - before) / (time.perf_counter() - began)

    def count(self, query: str, *parameters: str) -> int:
        """Ask the simulated systems' database how many."""
        return _ask(self.database, query, *parameters)


def _ask(database: Path, query: str, *parameters: str) -> int:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
        return int(connection.execute(query, parameters).fetchone()[0])
