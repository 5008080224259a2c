"""Wait for a condition, not for a number of seconds."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(condition: Callable[[], Awaitable[T] | T], timeout_seconds: float = 60) -> T:
    """Return the condition's first true value. Raises `TimeoutError` with its last one."""
    last: object = None
    try:
        async with asyncio.timeout(timeout_seconds):
            while True:
                answer = condition()
                value: T = await answer if inspect.isawaitable(answer) else answer  # type: ignore[assignment]
                if value:
                    return value
                last = value
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise TimeoutError(f"not within {timeout_seconds:g} s; the last answer was {last!r}") from None
