"""A broker that takes requests of some kinds and never answers them."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import IntEnum

from devstack.ports import HOST
from tests.brokers.embedded import running_broker
from tests.brokers.ports import free_address
from tests.serving import serving
from tests.silent_server import forward


class Api(IntEnum):
    """Kinds of request by Kafka's own numbers (https://kafka.apache.org/protocol#protocol_api_keys)."""

    PRODUCE = 0
    FETCH = 1
    LIST_OFFSETS = 2
    METADATA = 3
    API_VERSIONS = 18


class SilentBroker:
    """Forwards requests to the embedded broker, except the kinds in `unanswered`, which a test may change."""

    def __init__(self, upstream: str) -> None:
        self.address = ""
        self.unanswered: set[Api] = set()
        self.reads = True
        """Whether it reads from the network at all; a stopped process does not."""
        self._upstream = upstream
        self._clients: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        host, _, port = self._upstream.partition(":")
        broker_reader, broker_writer = await asyncio.open_connection(host, int(port))
        answering = asyncio.create_task(forward(broker_reader, writer))
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    size = await reader.readexactly(4)
                    request = await reader.readexactly(struct.unpack(">i", size)[0])
                    while not self.reads:
                        await asyncio.sleep(0.01)
                    if struct.unpack(">h", request[:2])[0] not in self.unanswered:
                        broker_writer.write(size + request)
        finally:
            answering.cancel()
            broker_writer.close()
            writer.close()
            self._clients.discard(writer)

    def close(self) -> None:
        """Close the connections of its clients."""
        for client in self._clients:
            client.close()


@asynccontextmanager
async def silent_broker() -> AsyncIterator[SilentBroker]:
    """A broker for one test. It answers everything until the test changes `unanswered` or `reads`."""
    upstream = free_address()
    broker = SilentBroker(upstream)
    async with serving(broker.serve) as port:
        broker.address = f"{HOST}:{port}"
        with running_broker(upstream, advertised=broker.address):
            yield broker
