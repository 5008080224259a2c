"""The receiver of `http_request` tasks: a server that answers each request with the same bytes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from devstack.ports import HOST
from tests.serving import serving


class Receiver:
    """The receiver of tasks: keeps each request as it arrived, and answers with `answer` once it `may_answer`."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.answer = reply(200, b"ok")
        self.port = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.requests.append((first, headers, body))
        await self.may_answer.wait()
        writer.write(self.answer)
        writer.close()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"


def reply(status: int, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Words", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with serving(receiver.serve) as receiver.port:
        yield receiver
