"""Wait for an outcome only as long as somebody waits for it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request

from api.http.problems import RETRY, Problem

Result = TypeVar("Result")


class ClientDisconnected(Exception):
    """The client went away; its invocation goes on."""


async def while_connected(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """Return the result of `work`, or drop it when the client disconnects. The body must have been read.

    Raises `ClientDisconnected`, and `Problem` 503 when the gateway shuts down meanwhile.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnect(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnected
        return task.result()
    except asyncio.CancelledError:
        raise Problem(503, "shutting-down", "The gateway shuts down; ask again.", headers=RETRY) from None
    finally:
        task.cancel()
        gone.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
