"""A gateway in the test's process, with a Temporal where nothing ends, and clients that write what they like."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from api.app import create_app
from api.gateway import Gateway
from api.http.draining import Drain
from api.http.metrics import process_metrics
from api.security.authentication import Authentication
from api.server import Server, server
from clients.entities import EntityClient
from infra.payload_encryption import EncryptionCodec
from infra.payload_keys import KeyRing
from infra.settings import Settings
from tests.eventually import eventually

HOST = "127.0.0.1"
JOB = json.dumps({"description": "a"}).encode()
ATTACH = b"GET /invocations/fan-out:1/attach HTTP/1.1\r\nHost: localhost\r\n\r\n"
HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST_HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
SETTINGS = Settings(max_connections=40, max_waiting=40, graceful_shutdown=timedelta(seconds=1), max_body_bytes=1000)


Answer = tuple[int, dict[str, str], dict[str, Any]]
"""The status, the headers with their names in lower case, and the body."""


class EndlessTemporal:
    """Accepts every workflow, and none of them ends before a test says so."""

    namespace = "default"

    def __init__(self) -> None:
        self.started: list[str] = []
        self.starting = asyncio.Event()
        self.may_start = asyncio.Event()
        self.may_start.set()
        self.ends = asyncio.Event()
        """Lets every workflow end."""
        self.long_polls = 0
        self.failure: RPCError | None = None
        """What a long poll ends with."""

    async def start_workflow(self, *_: Any, id: str, **__: Any) -> None:
        self.starting.set()
        await self.may_start.wait()
        self.started.append(id)

    def get_workflow_handle(self, _: str) -> "EndlessTemporal":
        return self

    async def describe(self, **_: Any) -> SimpleNamespace:
        return SimpleNamespace(close_time=None, status=WorkflowExecutionStatus.RUNNING, history_length=3)

    async def result(self) -> dict[str, str]:
        self.long_polls += 1
        try:
            if self.failure:
                raise self.failure
            await self.ends.wait()
            return {"description": "done"}
        finally:
            self.long_polls -= 1


@dataclass
class Running:
    """A gateway in this process, with a fake Temporal."""

    port: int
    temporal: EndlessTemporal
    server: Server
    drain: Drain

    async def connect(self, sent: bytes = b"") -> "Client":
        client = Client(*await asyncio.open_connection(HOST, self.port))
        client.send(sent)
        return client

    async def says(self, sent: bytes) -> bytes:
        """Everything that the gateway sends until it closes the connection."""
        client = await self.connect(sent)
        return await client.rest()

    async def asks(self, sent: bytes) -> Answer:
        """The answer to one request."""
        client = await self.connect(sent)
        answer = await client.answer()
        client.leave()
        return answer


@dataclass
class Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def drip(self, data: bytes, pause_seconds: float = 0.02) -> None:
        """Send `data` repeatedly, byte by byte, until the gateway closes the connection."""
        while True:
            for byte in data:
                self.writer.write(bytes([byte]))
                await self.writer.drain()
                await asyncio.sleep(pause_seconds)

    async def rest(self) -> bytes:
        received = b""
        with contextlib.suppress(ConnectionResetError):
            async with asyncio.timeout(60):
                while more := await self.reader.read(65_536):
                    received += more
        self.writer.close()
        return received

    async def answer(self) -> Answer:
        """The next answer, which has a length."""
        async with asyncio.timeout(60):
            first, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            body = await self.reader.readexactly(int(headers["content-length"]))
        return int(first.split()[1]), headers, json.loads(body)

    def leave(self) -> None:
        self.writer.close()


@asynccontextmanager
async def serving(
    app: Any, settings: Settings = SETTINGS, drain: Drain | None = None, listener: socket.socket | None = None
) -> AsyncIterator[Server]:
    """Serve at `listener`, by default at a port of its own. Raises what kept the server from starting."""
    with listener or listening() as at:
        running = server(app, settings, HOST, drain or Drain())
        task = asyncio.create_task(running.serve([at]))
        try:
            await eventually(lambda: running.started or task.done())
            if not running.started:
                await task
            yield running
        finally:
            running.should_exit = True
            await task


def listening() -> socket.socket:
    return socket.create_server((HOST, 0))


def port_of(running: Server) -> int:
    port: int = running.servers[0].sockets[0].getsockname()[1]
    return port


@asynccontextmanager
async def gateway_with(settings: Settings) -> AsyncIterator[Running]:
    listener = listening()  # first: without it, composing the gateway is in vain
    temporal = EndlessTemporal()
    nothing = cast(Any, SimpleNamespace())
    client = cast(Any, temporal)
    entities = EntityClient(client, settings.plans)
    codec = EncryptionCodec(KeyRing())
    composed = Gateway(settings, client, nothing, nothing, entities, process_metrics(), codec, Authentication())
    async with serving(create_app(composed), settings, composed.drain, listener) as running:
        yield Running(port_of(running), temporal, running, composed.drain)


def problem(answer: bytes, status: int, kind: str) -> None:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode()), answer
    assert b"content-type: application/problem+json" in head.lower()
    assert json.loads(body)["type"] == f"urn:problem:{kind}"


def post(path: str, body: bytes, length: int | None = None) -> bytes:
    length = len(body) if length is None else length
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
    return head.encode() + body


async def nothing_left(gateway: Running) -> None:
    """Wait until there is no connection, no request and no call to Temporal."""
    state = gateway.server.server_state
    await eventually(lambda: not state.connections and not state.tasks and gateway.temporal.long_polls == 0)
