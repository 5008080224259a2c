"""A server that accepts connections and says nothing, until it forwards them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from devstack.ports import HOST
from tests.serving import serving


class SilentServer:
    """Says nothing on new connections while `upstream` is empty; then they go to that address."""

    def __init__(self) -> None:
        self.address = ""
        self.upstream = ""
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            if self.upstream:
                host, _, port = self.upstream.rpartition(":")
                from_upstream, to_upstream = await asyncio.open_connection(host, int(port))
                await asyncio.gather(forward(reader, to_upstream), forward(from_upstream, writer))
            else:
                await reader.read()
        finally:
            writer.close()


async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Write what is read, to the end of either."""
    try:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
    finally:
        writer.close()


@asynccontextmanager
async def silent_server() -> AsyncIterator[SilentServer]:
    silent = SilentServer()
    async with serving(silent.serve) as port:
        silent.address = f"{HOST}:{port}"
        yield silent
