"""An embedded stack that runs for one benchmark."""

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import httpx2
from pydantic import JsonValue

from benchmarks.harness.bodies import REGISTRATION
from benchmarks.harness.processes import Usage, usage
from benchmarks.harness.topics import ALL_TOPICS
from benchmarks.harness.waiting import wait_until
from devstack.child import Log
from devstack.servers import CLUSTER
from devstack.stack import Stack


@dataclass(frozen=True)
class BenchmarkStack:
    """A running stack, and a client of its gateway."""

    stack: Stack
    http: httpx2.AsyncClient

    @property
    def bootstrap(self) -> str:
        return self.stack.bootstrap

    @property
    def temporal_address(self) -> str:
        return self.stack.temporal_address

    def usage(self) -> Usage:
        """CPU time and memory that each process has used so far."""
        return usage(self.stack.processes.pids())

    async def register_package(self, package: str) -> None:
        answer = await self.http.post(f"/PackageTracker/{package}/registerPackage", json=REGISTRATION)
        answer.raise_for_status()

    @asynccontextmanager
    async def subscription(
        self, topic: str, sink: str, options: Mapping[str, JsonValue] | None = None
    ) -> AsyncIterator[str]:
        """Subscribe `sink` (`Service/handler`) to the topic. Yields the subscription's path once a consumer has
        partitions; deletes the subscription in the end."""
        body = {"source": f"kafka://{CLUSTER}/{topic}", "sink": f"service://{sink}", "options": options or {}}
        subscription = (await self.http.post("/subscriptions", json=body)).raise_for_status().json()
        path = f"/subscriptions/{subscription['id']}"

        async def has_partitions() -> bool:
            return any(consumer["partitions"] for consumer in (await self.http.get(path)).json()["consumers"])

        await wait_until(has_partitions, f"{path} has partitions")
        yield path
        (await self.http.delete(path)).raise_for_status()


@asynccontextmanager
async def benchmark_stack(
    settings: Mapping[str, str], timeout_seconds: float = 60, worker_processes: int = 1, log: Log | None = None
) -> AsyncIterator[BenchmarkStack]:
    """Start a stack on free ports with its data in a temporary folder. `timeout_seconds` is of each HTTP request.

    `log` takes what the processes print; without it their lines are gone with the folder.
    """
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, (Path(folder) / "log.txt").open("w") as file:
        data = Path(folder) / "data"
        settings = {"KAFKA_ALLOWED": ALL_TOPICS, **settings}
        stack = Stack.on_free_ports(data, settings, log or _log_to(file), worker_processes)
        async with stack, httpx2.AsyncClient(base_url=stack.gateway_url, timeout=timeout_seconds) as http:
            yield BenchmarkStack(stack, http)


def _log_to(file: TextIO) -> Log:
    return lambda name, line: print(name, line, file=file, flush=True)
