"""A collector that counts what it gets and keeps nothing."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

HOST = "127.0.0.1"
_LENGTH = re.compile(rb"content-length: *([0-9]+)", re.IGNORECASE)
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n"


class CountingCollector:
    """Takes OTLP over HTTP."""

    def __init__(self) -> None:
        self.received_bytes = 0
        self.endpoint = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                length = _LENGTH.search(await reader.readuntil(b"\r\n\r\n"))
                self.received_bytes += len(await reader.readexactly(int(length[1]) if length else 0))
                writer.write(_ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@asynccontextmanager
async def counting() -> AsyncIterator[CountingCollector]:
    """A collector on a free port."""
    collector = CountingCollector()
    server = await asyncio.start_server(collector.serve, HOST, 0)
    collector.endpoint = f"http://{HOST}:{server.sockets[0].getsockname()[1]}"
    try:
        yield collector
    finally:
        server.close()
