"""DBOS: a library in the process that serves the six services, its store, and the same embedded broker as ours."""

import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from benchmarks.compare.systems.dbos.places import BOOTSTRAP, STORE
from benchmarks.compare.systems.dbos.postgres import Postgres
from benchmarks.compare.systems.system import SERVICE_SETTINGS, System
from devstack.child import Log, Spec
from devstack.data_folder import DataFolder
from devstack.ports import HOST, claim_ports, free_ports
from devstack.servers import ROOT, stages
from devstack.supervisor import Supervisor

_PROCESSES = {"dbos": 1, "dbos-postgres": 2}
"""One per core on PostgreSQL. SQLite has one writer, and DBOS recommends it for one process."""
_READY_WITHIN = timedelta(minutes=5)
"""DBOS makes its tables first."""


@dataclass(frozen=True)
class _Store:
    """Where DBOS keeps what must survive, and the processes that it needs for that."""

    url: str
    path: Path
    stages: Sequence[Sequence[Spec]] = ()
    server: str | None = None


@asynccontextmanager
async def open_dbos(folder: Path, log: Log) -> AsyncIterator[System]:
    """With SQLite, in `folder`."""
    path = folder / "dbos.sqlite"
    async with _open("dbos", folder, log, _Store(f"sqlite:///{path}", path)) as system:
        yield system


@asynccontextmanager
async def open_dbos_on_postgres(folder: Path, log: Log) -> AsyncIterator[System]:
    """With a PostgreSQL server, whose folder is its own: another user runs it."""
    with tempfile.TemporaryDirectory(prefix="benchmark-postgres-") as place:
        postgres = Postgres.prepare(Path(place), claim_ports(1)[0])
        store = _Store(postgres.url, postgres.data, postgres.stages(), "postgres")
        async with _open("dbos-postgres", folder, log, store) as system:
            yield system


@asynccontextmanager
async def _open(name: str, folder: Path, log: Log, store: _Store) -> AsyncIterator[System]:
    ports = free_ports()
    (port,) = claim_ports(1)
    data = DataFolder(folder)
    with data:
        (stores, _) = stages(ports, data, SERVICE_SETTINGS)
        ours = [spec for spec in stores if spec.name != "temporal"]
        bootstrap = f"{HOST}:{ports.broker}"
        services = _services(ours[0], store.url, bootstrap, port, _PROCESSES[name])
        async with Supervisor([*store.stages, ours, [services]], log) as processes:
            yield System(
                name=name,
                base_url=f"http://{HOST}:{port}",
                credentials={},
                attach="/invocations/{id}/attach",
                bootstrap=bootstrap,
                roles={**({"server": store.server} if store.server else {}), "worker": services.name},
                processes=processes,
                store=store.path,
                database=data.database,
                subscribe=_subscribe,
            )


def _services(like: Spec, url: str, bootstrap: str, port: int, processes: int) -> Spec:
    environment = {**like.environment, STORE: url, BOOTSTRAP: bootstrap}
    command = (
        *(sys.executable, "-m", "uvicorn", "--factory", "--no-access-log", f"--host={HOST}", f"--port={port}"),
        *(f"--workers={processes}", "--loop=uvloop"),
        "benchmarks.compare.systems.dbos.application:application",
    )
    return Spec(
        "services", lambda: command, environment, ROOT, ready="Application startup complete", ready_within=_READY_WITHIN
    )


async def _subscribe(topic: str, sink: str) -> None:
    """The services look for their topics from their start on."""
    del topic, sink
