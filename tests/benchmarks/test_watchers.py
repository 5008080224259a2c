"""Whether `python -m benchmarks watchers` counts what each stream gets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from benchmarks.watchers.streams import Streams
from devstack.ports import HOST
from tests.eventually import eventually
from tests.serving import serving

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"


class Gateway:
    """Sends the same to every stream; the path `/ends` ends after its first event."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
        self.paths.append(path)
        writer.write(HEAD + b"event: state\ndata: first\n\n: a comment\n\n")
        self.writers.append(writer)
        if path == "/ends":
            writer.close()

    def send(self, data: bytes) -> None:
        for each in self.writers:
            each.write(b"event: state\ndata: " + data + b"\nid: 1\n\n")


@asynccontextmanager
async def gateway() -> AsyncIterator[tuple[Gateway, Streams]]:
    running = Gateway()
    async with serving(running.serve) as port:
        yield running, Streams(f"http://{HOST}:{port}")


async def test_each_stream_has_its_events_and_its_last_state() -> None:
    async with gateway() as (running, streams), streams.watching(["/a", "/a", "/b"]):
        assert (sorted(running.paths), streams.events) == (["/a", "/a", "/b"], 3)
        running.send(b"second")
        await eventually(lambda: streams.having(b"second") == 3)
        assert (streams.events, streams.having(b"first"), streams.ended) == (6, 0, 0)


async def test_a_stream_that_ends_is_counted() -> None:
    async with gateway() as (_, streams), streams.watching(["/ends", "/a"]):
        await eventually(lambda: streams.ended == 1)


async def test_a_gateway_that_refuses_a_stream_is_an_error(unused_tcp_port: int) -> None:
    streams = Streams(f"http://127.0.0.1:{unused_tcp_port}")
    with pytest.raises(ConnectionRefusedError):
        async with streams.watching(["/a"]):
            pass
