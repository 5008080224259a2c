"""Wait for a condition."""

import asyncio
import time
from collections.abc import Awaitable, Callable

Condition = Callable[[], Awaitable[bool]]

GIVE_UP_AFTER_SECONDS = 1_800


async def comes_true(condition: Condition, pause_seconds: float = 0.5) -> bool:
    """Wait until the condition holds. False if it does not within `GIVE_UP_AFTER_SECONDS`."""
    deadline = time.perf_counter() + GIVE_UP_AFTER_SECONDS
    while time.perf_counter() < deadline:
        if await condition():
            return True
        await asyncio.sleep(pause_seconds)
    return False


async def wait_until(condition: Condition, what: str, pause_seconds: float = 0.05) -> None:
    """Wait until the condition holds. Raises `TimeoutError` with `what` if it does not in time."""
    if not await comes_true(condition, pause_seconds):
        raise TimeoutError(f"not within {GIVE_UP_AFTER_SECONDS} s: {what}")
