"""Waiting for an outcome stops when the client disconnects, after the longest wait, and when the gateway drains."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

from fastapi import Request

from api.http.draining import Drain

Result = TypeVar("Result")

WAIT_WHILE_DRAINING = timedelta(seconds=1)
"""For a call that comes while the gateway drains: most outcomes take less, and the end is not delayed."""


class ClientDisconnected(Exception):
    """The client disconnected; its invocation continues."""


class WaitedTooLong(Exception):
    """The longest wait is over; the invocation continues."""


class ShuttingDown(Exception):
    """The gateway shuts down; the invocation continues."""


async def while_connected(
    request: Request, work: Coroutine[Any, Any, Result], longest: timedelta, drain: Drain
) -> Result:
    """Return the result of `work`, which is cancelled if the wait ends before. The body must have been read.

    Raises `ClientDisconnected`, `WaitedTooLong`, and `ShuttingDown`: at once when the gateway begins to drain, after
    a second if it drains already.
    """
    task = asyncio.ensure_future(work)
    disconnected = asyncio.ensure_future(_disconnect(request))
    ends: set[asyncio.Future[Any]] = {task, disconnected}
    if drain.begun:
        longest = min(longest, WAIT_WHILE_DRAINING)
    else:
        ends.add(asyncio.ensure_future(drain.wait()))
    try:
        await asyncio.wait(ends, timeout=longest.total_seconds(), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if disconnected.done():
            raise ClientDisconnected
        raise ShuttingDown if drain.begun else WaitedTooLong
    except asyncio.CancelledError:
        raise ShuttingDown from None
    finally:
        for each in ends:
            each.cancel()
        await asyncio.gather(*ends, return_exceptions=True)


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
