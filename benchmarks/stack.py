"""The embedded stack, for the length of one benchmark, and topics on its broker."""

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from devstack.stack import Stack


@asynccontextmanager
async def benchmark_stack(
    settings: Mapping[str, str], timeout_seconds: float = 60, worker_processes: int = 1
) -> AsyncIterator[tuple[Stack, httpx2.AsyncClient]]:
    """A stack of its own on free ports, its data in a temporary folder, and a client of its gateway."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, (Path(folder) / "log.txt").open("w") as log:
        stack = Stack.on_free_ports(
            Path(folder) / "data",
            settings,
            lambda name, line: print(name, line, file=log, flush=True),
            worker_processes,
        )
        async with stack, httpx2.AsyncClient(base_url=stack.gateway_url, timeout=timeout_seconds) as http:
            yield stack, http


async def make_topic(bootstrap: str, topic: str, partitions: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, partitions, 1)])
    await admin.close()
