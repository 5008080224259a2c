"""Waiting for an outcome stops when the client disconnects."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request

from api.http.problems import RETRY, Problem

Result = TypeVar("Result")


class ClientDisconnected(Exception):
    """The client disconnected; its invocation continues."""


async def while_connected(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """Return the result of `work`, which is cancelled if the client disconnects. The body must have been read.

    Raises `ClientDisconnected`, and `Problem` 503 if the gateway shuts down during the wait.
    """
    task = asyncio.ensure_future(work)
    disconnected = asyncio.ensure_future(_disconnect(request))
    try:
        await asyncio.wait({task, disconnected}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnected
        return task.result()
    except asyncio.CancelledError:
        raise Problem(
            503,
            "shutting-down",
            "The gateway is shutting down and the invocation continues: attach to it again.",
            headers=RETRY,
        ) from None
    finally:
        task.cancel()
        disconnected.cancel()
        await asyncio.gather(task, disconnected, return_exceptions=True)


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
