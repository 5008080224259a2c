"""A thousand clients of the real gateway: they delay no other client, and the gateway keeps nothing of them."""

import asyncio
import re
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from api.http.connections import HEAD_SECONDS
from devstack.stack import Stack
from tests.eventually import eventually


async def held(http: httpx2.AsyncClient) -> dict[str, float]:
    """What the gateway holds, by its metrics. Reading them takes one request, one task and perhaps one open file."""
    names = ("gateway_requests_in_flight", "gateway_asyncio_tasks", "process_open_fds", "process_resident_memory_bytes")
    text = (await http.get("/metrics")).text
    return {name: float(found[1]) for name in names if (found := re.search(rf"^{name} (\S+)$", text, re.MULTILINE))}


def as_little_as(before: dict[str, float], http: httpx2.AsyncClient) -> Callable[[], Awaitable[bool]]:
    async def condition() -> bool:
        now = await held(http)
        return all(
            now[name] <= before[name] + 3
            for name in ("gateway_requests_in_flight", "gateway_asyncio_tasks", "process_open_fds")
            if name in before
        )

    return condition


@asynccontextmanager
async def connected(stack: Stack, count: int, request: bytes = b"") -> AsyncIterator[None]:
    """So many connections, each with `request`, while the body runs."""
    host, _, port = stack.gateway_url.removeprefix("http://").partition(":")

    async def connect() -> asyncio.StreamWriter:
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(request)
        return writer

    writers = await asyncio.gather(*(connect() for _ in range(count)))
    try:
        yield
    finally:
        for writer in writers:
            writer.close()


async def test_a_thousand_idle_connections_delay_no_request(stack: Stack, http: httpx2.AsyncClient) -> None:
    before = await held(http)

    async def are_held() -> bool:
        return (await held(http)).get("process_open_fds", 1_000) >= 1_000

    async with connected(stack, 1_000):
        await eventually(are_held)
        async with httpx2.AsyncClient(base_url=stack.gateway_url, timeout=60) as newcomer:
            started = time.monotonic()
            answer = await newcomer.post("/FanOutWorker/run", json={"description": "a"})
            assert answer.status_code == 200, answer.text
            assert time.monotonic() - started < HEAD_SECONDS, "it waited until the idle ones were closed"
    await eventually(as_little_as(before, http))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/FanOutWorker/run/send", {"description": "a"}),
        ("/AsyncTaskWorker/runTask/send", {"kind": "heavy_work"}),
        ("/PackageTracker/{key}/registerPackage/send", {"finalDestination": "Paris"}),
    ],
)
async def test_waits_whose_clients_disconnect_are_cleaned_up(
    stack: Stack, http: httpx2.AsyncClient, path: str, body: dict[str, Any]
) -> None:
    sent = await http.post(path.format(key=uuid.uuid4().hex), params={"delay": "1d"}, json=body)
    invocation_id = sent.json()["invocationId"]
    request = f"GET /invocations/{invocation_id}/attach HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    before = await held(http)

    async def waiting() -> bool:
        return (await held(http))["gateway_requests_in_flight"] >= before["gateway_requests_in_flight"] + 170

    async with connected(stack, 170, request):
        await eventually(waiting)
    await eventually(as_little_as(before, http))
    assert (await http.get(f"/invocations/{invocation_id}/output")).status_code == 202
    assert (await http.delete(f"/invocations/{invocation_id}")).status_code == 202
