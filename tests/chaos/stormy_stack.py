"""A stack of its own for each storm, and how long storms last."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2

from devstack.stack import Stack

SEED = int(os.environ.get("CHAOS_SEED", "1"))
FULL = os.environ.get("CHAOS") == "full"
"""`make chaos` sets it; otherwise storms are short, and part of `make test`."""

MOST_CONNECTIONS = 200
"""Clients that wait for outcomes while nobody can answer them."""


@asynccontextmanager
async def stormy_stack(
    folder: Path, worker_processes: int = 1, **settings: str
) -> AsyncIterator[tuple[Stack, httpx2.AsyncClient]]:
    """A stack to be killed piece by piece, and its gateway."""
    with (folder / "log.txt").open("w") as log:
        stack = Stack.on_free_ports(
            folder / "data",
            {"GRACEFUL_SHUTDOWN": "2s", **settings},
            lambda name, line: print(name, line, file=log, flush=True),
            worker_processes,
        )
        limits = httpx2.Limits(max_connections=MOST_CONNECTIONS)
        async with stack, httpx2.AsyncClient(base_url=stack.gateway_url, timeout=30, limits=limits) as http:
            yield stack, http
