"""The embedded stack, for the length of one benchmark."""

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from devstack.stack import Stack


@asynccontextmanager
async def benchmark_stack(settings: Mapping[str, str]) -> AsyncIterator[tuple[Stack, httpx.AsyncClient]]:
    """A stack of its own on free ports, its data in a temporary folder, and a client of its gateway."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, (Path(folder) / "log.txt").open("w") as log:
        stack = Stack.on_free_ports(
            Path(folder) / "data", settings, lambda name, line: print(name, line, file=log, flush=True)
        )
        async with stack, httpx.AsyncClient(base_url=stack.gateway_url, timeout=60) as http:
            yield stack, http
