"""This stack as it is, and as one would set Temporal up on the first day."""

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

_ROLES = {"server": "temporal", "worker": "workers", "gateway": "gateway"}
_TUNING = ("--dynamic-config-value=", "--sqlite-pragma=")


@asynccontextmanager
async def open_ours(folder: Path, log: Log) -> AsyncIterator[System]:
    """The embedded stack, as `make up` runs it."""
    stack = Stack.on_free_ports(folder, SERVICE_SETTINGS, log)
    async with stack:
        yield await _system("ours", stack, {})


@asynccontextmanager
async def open_naive(folder: Path, log: Log) -> AsyncIterator[System]:
    """The same with the server's default settings, the workers of `systems.naive`, and one signal per record."""
    ports = free_ports()
    stack = Stack(folder, ports, SERVICE_SETTINGS, log)
    specs = [[_untuned(spec) for spec in stage] for stage in stages(ports, stack.data, SERVICE_SETTINGS)]
    stack.processes = Supervisor(specs, log)
    async with stack:
        yield await _system("naive", stack, {"maxBatch": 1})


def _untuned(spec: Spec) -> Spec:
    if spec.name == "temporal":
        return replace(spec, command=lambda: [part for part in spec.command() if not part.startswith(_TUNING)])
    if spec.name == "workers":
        return replace(spec, command=lambda: (sys.executable, "-m", "benchmarks.compare.systems.naive"))
    return spec


async def _system(name: str, stack: Stack, subscription_options: Mapping[str, int]) -> System:
    async def subscribe(topic: str, sink: str) -> None:
        body = {"source": f"kafka://{CLUSTER}/{topic}", "sink": sink, "options": subscription_options}
        async with aiohttp.ClientSession(stack.gateway_url) as http, http.post("/subscriptions", json=body) as answer:
            answer.raise_for_status()

    return System(
        name=name,
        base_url=stack.gateway_url,
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
