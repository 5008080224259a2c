"""Servers of tests end with their connections, whatever these wait for."""

import asyncio
import socket

from devstack.ports import HOST
from tests.serving import serving


async def test_a_connection_whose_call_never_ends_is_closed_in_the_end() -> None:
    async def wait(*_: object) -> None:
        called.set()
        await asyncio.Event().wait()

    called = asyncio.Event()
    async with serving(wait) as port:
        reader, writer = await asyncio.open_connection(HOST, port)
        await called.wait()
    assert not await reader.read()
    writer.close()


async def test_a_connection_that_is_accepted_in_the_end_is_closed_too() -> None:
    async def wait(*_: object) -> None:
        await asyncio.Event().wait()

    async with serving(wait) as port:
        connection = socket.create_connection((HOST, port), timeout=10)
        await settled()
    await settled()
    with connection:
        assert not connection.recv(1)


async def settled() -> None:
    """Give the event loop time to accept a connection, and not to call the server for it."""
    for _ in range(4):
        await asyncio.sleep(0)
