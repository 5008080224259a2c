"""A stack for each storm, and whether storms are short or long."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2

from devstack.stack import Stack
from domain.access import GRANTED
from tests.api.security.gateways import bearing, write_keys

SEED = int(os.environ.get("CHAOS_SEED", "1"))
FULL = os.environ.get("CHAOS") == "full"
"""`make chaos` sets it; otherwise storms are short, and part of `make test`."""

MAX_CONNECTIONS = 200
"""Enough for all clients that wait for outcomes while the gateway or Temporal is down."""


@asynccontextmanager
async def stormy_stack(
    folder: Path, worker_processes: int = 1, **settings: str
) -> AsyncIterator[tuple[Stack, httpx2.AsyncClient]]:
    """A running stack whose processes may be killed, and a client of its gateway, which asks for credentials."""
    keys = write_keys(folder / "keys.json", {"storm": {"roles": sorted(GRANTED)}})
    settings = {
        "GRACEFUL_SHUTDOWN": "2s",
        "KAFKA_ALLOWED": '{"my-cluster": ["*"], "apache": ["*"]}',
        "API_KEYS_FILE": str(folder / "keys.json"),
        "CALLER_RATE": "0",
        "CALLER_CONCURRENCY": str(MAX_CONNECTIONS),
        **settings,
    }
    with (folder / "log.txt").open("w") as log:
        stack = Stack.on_free_ports(
            folder / "data",
            settings,
            lambda name, line: print(name, line, file=log, flush=True),
            worker_processes,
        )
        limits = httpx2.Limits(max_connections=MAX_CONNECTIONS)
        headers = bearing(keys["storm"])
        client = httpx2.AsyncClient(base_url=stack.gateway_url, headers=headers, timeout=30, limits=limits)
        async with stack, client as http:
            yield stack, http
