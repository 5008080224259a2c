"""Restate: its server, the six services served by Hypercorn, and the same embedded broker as ours."""

import os
import platform
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from string import Template

import aiohttp

from benchmarks.compare.systems.system import SERVICE_SETTINGS, System
from devstack.child import Log, Spec
from devstack.data_folder import DataFolder
from devstack.errors import CannotStart
from devstack.ports import HOST, claim_ports, free_ports
from devstack.servers import CLUSTER, ROOT, stages
from devstack.supervisor import Supervisor

_HERE = Path(__file__).parent
_ARCHITECTURES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}
_ROLES = {"server": "restate", "worker": "endpoint"}
_JOIN_FAST = {"auto.offset.reset": "earliest", "session.timeout.ms": "6000", "heartbeat.interval.ms": "500"}
"""With librdkafka's own 45 s session the embedded broker takes 24 s to let a consumer in; with this one 4 s."""


def server_binary() -> Path:
    """The file that `npm install` has put here. Raises `CannotStart` if it has not."""
    system, machine = platform.system().lower(), platform.machine().lower()
    package = f"restate-server-{system}-{_ARCHITECTURES.get(machine, machine)}"
    path = _HERE / "node_modules" / "@restatedev" / package / "bin" / "restate-server"
    if not path.exists():
        raise CannotStart("The Restate server is missing: install npm, then run `make bench`.")
    return path


@asynccontextmanager
async def open_restate(folder: Path, log: Log) -> AsyncIterator[System]:
    """Everything in `folder`, on free ports."""
    ports = free_ports()
    ingress, admin, node, endpoint = claim_ports(4)
    data = DataFolder(folder)
    with data:
        (stores, _) = stages(ports, data, SERVICE_SETTINGS)
        store = data.path / "restate"
        config = data.path / "restate.toml"
        values = {"broker": ports.broker, "ingress": ingress, "admin": admin, "node": node, "store": store}
        config.write_text(Template((_HERE / "restate.toml").read_text()).substitute(values))
        services = _services(stores[0], endpoint)
        server = _server(stores[0], config, f"http://{HOST}:{admin}")
        ours = [spec for spec in stores if spec.name != "temporal"]
        async with Supervisor([[*ours, server], [services]], log) as processes:
            await _post(admin, "/deployments", {"uri": f"http://{HOST}:{endpoint}"})
            yield System(
                name="restate",
                base_url=f"http://{HOST}:{ingress}",
                credentials={},
                attach="/restate/invocation/{id}/attach",
                bootstrap=f"{HOST}:{ports.broker}",
                roles=_ROLES,
                processes=processes,
                store=store,
                database=data.database,
                subscribe=partial(_subscribe, admin),
            )


def _server(like: Spec, config: Path, admin_url: str) -> Spec:
    command = (str(server_binary()), "--no-logo", f"--config-file={config}")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RESTATE_")}
    return Spec("restate", lambda: command, environment, like.folder, ready=partial(_is_healthy, f"{admin_url}/health"))


def _services(like: Spec, port: int) -> Spec:
    command = (
        *(sys.executable, "-m", "hypercorn", f"--config={_HERE / 'hypercorn.toml'}", f"--bind={HOST}:{port}"),
        "benchmarks.compare.systems.restate.endpoint:application()",
    )
    return Spec("endpoint", lambda: command, like.environment, ROOT, ready="Running on")


async def _subscribe(admin: int, topic: str, sink: str) -> None:
    source = f"kafka://{CLUSTER}/{topic}"
    await _post(admin, "/subscriptions", {"source": source, "sink": sink, "options": _JOIN_FAST})


async def _post(admin: int, path: str, body: dict[str, object]) -> None:
    async with aiohttp.ClientSession(f"http://{HOST}:{admin}") as http, http.post(path, json=body) as answer:
        answer.raise_for_status()


async def _is_healthy(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as http, http.get(url) as answer:
            return bool(answer.ok)
    except aiohttp.ClientError:
        return False
