"""Wait for a condition, not for a number of seconds."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")


@overload
async def eventually(condition: Callable[[], Awaitable[T | None]], timeout_seconds: float = 120) -> T: ...
@overload
async def eventually(condition: Callable[[], T | None], timeout_seconds: float = 120) -> T: ...
async def eventually(condition: Callable[[], Any], timeout_seconds: float = 120) -> Any:
    """Return the condition's first true value. Raises `TimeoutError` with its last one.

    The longer it has waited, the longer it pauses: many conditions are a request to a server on the same cores.
    """
    last: object = None
    began = time.monotonic()
    try:
        async with asyncio.timeout(timeout_seconds):
            while True:
                last = condition()
                if inspect.isawaitable(last):
                    last = await last
                if last:
                    return last
                await asyncio.sleep(min(max(0.02, (time.monotonic() - began) / 10), 0.2))
    except TimeoutError:
        raise TimeoutError(f"not within {timeout_seconds:g} s; the last answer was {last!r}") from None
