"""Waiting for an outcome stops when the client disconnects, and after the longest wait."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

from fastapi import Request

Result = TypeVar("Result")


class ClientDisconnected(Exception):
    """The client disconnected; its invocation continues."""


class WaitedTooLong(Exception):
    """The longest wait is over; the invocation continues."""


class ShuttingDown(Exception):
    """The gateway shuts down; the invocation continues."""


async def while_connected(request: Request, work: Coroutine[Any, Any, Result], longest: timedelta) -> Result:
    """Return the result of `work`, which is cancelled if the wait ends before. The body must have been read.

    Raises `ClientDisconnected`, `WaitedTooLong`, `ShuttingDown`.
    """
    task = asyncio.ensure_future(work)
    disconnected = asyncio.ensure_future(_disconnect(request))
    try:
        await asyncio.wait({task, disconnected}, timeout=longest.total_seconds(), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientDisconnected if disconnected.done() else WaitedTooLong
    except asyncio.CancelledError:
        raise ShuttingDown from None
    finally:
        task.cancel()
        disconnected.cancel()
        await asyncio.gather(task, disconnected, return_exceptions=True)


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
