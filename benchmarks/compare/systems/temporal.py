"""This stack as it is, and as one would set Temporal up on the first day."""

import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
from temporalio.client import Client

from benchmarks.compare.systems.system import SERVICE_SETTINGS, System
from devstack.child import Log, Spec
from devstack.ports import free_ports
from devstack.servers import CLUSTER, stages
from devstack.stack import Stack
from devstack.supervisor import Supervisor
from domain.access import GRANTED
from domain.steps import StepMode
from infra.api_keys import new_key

_ROLES = {"server": "temporal", "worker": "workers", "gateway": "gateway"}
_CALLER_LIMITS = ("CALLER_RATE", "CALLER_CONCURRENCY", "CALLER_WAITING")
_TUNING = ("--dynamic-config-value=", "--sqlite-pragma=")


@asynccontextmanager
async def open_ours(folder: Path, log: Log) -> AsyncIterator[System]:
    """The embedded stack, as `make up` runs it, and with an API key, whose limits are counted but not reached."""
    async with _open("ours", folder, log, {}) as system:
        yield system


@asynccontextmanager
async def open_economy(folder: Path, log: Log) -> AsyncIterator[System]:
    """The same with local steps."""
    async with _open("ours-economy", folder, log, {"STEPS": StepMode.LOCAL}) as system:
        yield system


@asynccontextmanager
async def _open(name: str, folder: Path, log: Log, more: Mapping[str, str]) -> AsyncIterator[System]:
    key, digest = new_key()
    keys = folder / "keys.json"
    keys.parent.mkdir(parents=True, exist_ok=True)
    keys.write_text(json.dumps([{"name": "benchmark", "sha256": digest, "roles": sorted(GRANTED)}]))
    settings = {**SERVICE_SETTINGS, "API_KEYS_FILE": str(keys), **dict.fromkeys(_CALLER_LIMITS, "100000"), **more}
    stack = Stack.on_free_ports(folder, settings, log)
    async with stack:
        yield await _system(name, stack, {}, credentials={"authorization": f"Bearer {key}"})


@asynccontextmanager
async def open_naive(folder: Path, log: Log) -> AsyncIterator[System]:
    """The same with the server's default settings, the workers of `systems.naive`, and one signal per record."""
    ports = free_ports()
    stack = Stack(folder, ports, SERVICE_SETTINGS, log)
    specs = [[_untuned(spec) for spec in stage] for stage in stages(ports, stack.data, SERVICE_SETTINGS)]
    stack.processes = Supervisor(specs, log)
    async with stack:
        yield await _system("naive", stack, {"maxBatch": 1}, credentials={})


def _untuned(spec: Spec) -> Spec:
    if spec.name == "temporal":
        return replace(spec, command=lambda: [part for part in spec.command() if not part.startswith(_TUNING)])
    if spec.name == "workers":
        return replace(spec, command=lambda: (sys.executable, "-m", "benchmarks.compare.systems.naive"))
    return spec


async def _system(
    name: str, stack: Stack, subscription_options: Mapping[str, int], credentials: dict[str, str]
) -> System:
    async def subscribe(topic: str, sink: str) -> None:
        body = {"source": f"kafka://{CLUSTER}/{topic}", "sink": sink, "options": subscription_options}
        gateway = aiohttp.ClientSession(stack.gateway_url, headers=credentials)
        async with gateway as http, http.post("/subscriptions", json=body) as answer:
            answer.raise_for_status()

    return System(
        name=name,
        base_url=stack.gateway_url,
        credentials=credentials,
        attach="/invocations/{id}/attach",
        bootstrap=stack.bootstrap,
        roles=_ROLES,
        processes=stack.processes,
        store=stack.data.temporal_database,
        database=stack.data.database,
        subscribe=subscribe,
        temporal=await Client.connect(stack.temporal_address),
        temporal_address=stack.temporal_address,
        payload_keys=stack.data.payload_keys,
    )
