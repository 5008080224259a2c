"""Many clients that watch keys, each with a connection of its own."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

OPENED_AT_ONCE = 50


@dataclass
class Streams:
    """Open streams of events. They only count: parsing would cost the machine more than what is measured."""

    url: str
    events: int = 0
    ended: int = 0
    _last: dict[int, bytes] = field(default_factory=dict)
    _readers: list[asyncio.Task[None]] = field(default_factory=list)

    @asynccontextmanager
    async def watching(self, paths: Sequence[str]) -> AsyncIterator[None]:
        """Watch each of `paths`, which may repeat, until the body ends. Begins once each has its first event."""
        slots = asyncio.Semaphore(OPENED_AT_ONCE)
        opened = [asyncio.Event() for _ in paths]

        async def run(number: int) -> None:
            await self._watch(number, paths[number], slots, opened[number])

        self._readers = [asyncio.create_task(run(number)) for number in range(len(paths))]
        try:
            if paths:
                await self._all_opened(opened)
            yield
        finally:
            for each in self._readers:
                each.cancel()
            await asyncio.gather(*self._readers, return_exceptions=True)

    async def _all_opened(self, opened: Sequence[asyncio.Event]) -> None:
        """Raises `OSError` if a stream cannot be opened, or ends before its first event."""
        for event, reader in zip(opened, self._readers, strict=True):
            waiting = asyncio.create_task(event.wait())
            await asyncio.wait({waiting, reader}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if reader.done():
                reader.result()

    def having(self, text: bytes) -> int:
        """How many have `text` in the last state that they got."""
        return sum(text in last for last in self._last.values())

    async def _watch(self, number: int, path: str, slots: asyncio.Semaphore, opened: asyncio.Event) -> None:
        at = urlsplit(self.url)
        async with slots:
            reader, writer = await asyncio.open_connection(at.hostname, at.port, limit=2**20)
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            lines = self._data(number, reader)
            await anext(lines, None)
            if number not in self._last:
                raise ConnectionError(f"{path}: the stream has no event")
            opened.set()
            async for _ in lines:
                pass
            self.ended += 1
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _data(self, number: int, reader: asyncio.StreamReader) -> AsyncIterator[None]:
        while line := await reader.readline():
            if line.startswith(b"data:"):
                self.events += 1
                self._last[number] = line
                yield
