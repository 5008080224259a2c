"""TCP servers of tests, which leave no connection open in the end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from devstack.ports import HOST

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[int]:
    """Call `serve` for each connection to the port that this yields. In the end its calls are cancelled.

    asyncio leaves a connection open that its caller has just closed, or that it has just accepted, if the event loop
    ends then. Its garbage is a warning, which fails whichever test runs at that moment.
    """
    calls: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = {}
    has_ended = False

    async def tracked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if has_ended:
            writer.transport.abort()
            return
        calls[asyncio.current_task()] = writer
        await serve(reader, writer)

    server = await asyncio.start_server(tracked, HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        has_ended = True
        server.close()
        for call in filter(None, calls):
            call.cancel()
        await asyncio.gather(*filter(None, calls), return_exceptions=True)
        for writer in calls.values():
            if writer.transport.get_write_buffer_size() or not writer.is_closing():
                writer.transport.abort()
        await asyncio.gather(*(writer.wait_closed() for writer in calls.values()), return_exceptions=True)
