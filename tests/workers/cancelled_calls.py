"""Counts the calls that a gRPC client cancels, by reading what it sends to a server: HTTP/2, without TLS."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from devstack.ports import HOST
from tests.serving import serving
from tests.silent_server import forward

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEADER = 9
_RST_STREAM = 3
"""The frame that cancels a call (RFC 9113, section 6.4)."""


class CancelledCalls:
    """`address` leads to the server, for one client."""

    def __init__(self, host: str, port: int) -> None:
        self.count = 0
        self.address = ""
        self._server = (host, port)

    async def link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._server)
        with suppress(OSError, asyncio.CancelledError):
            await asyncio.gather(self._to_server(reader, back), forward(there, writer))
        for end in (back, writer):
            end.close()

    async def _to_server(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            writer.write(await reader.readexactly(len(_PREFACE)))
            while True:
                header = await reader.readexactly(_HEADER)
                self.count += header[3] == _RST_STREAM
                writer.write(header + await reader.readexactly(int.from_bytes(header[:3])))
        writer.close()


@asynccontextmanager
async def cancelled_calls(address: str) -> AsyncIterator[CancelledCalls]:
    host, port = address.split(":")
    calls = CancelledCalls(host, int(port))
    async with serving(calls.link) as own_port:
        calls.address = f"{HOST}:{own_port}"
        yield calls
