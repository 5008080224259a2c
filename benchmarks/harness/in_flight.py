"""Calls that are made at the same time, so many of them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable


async def call_for_each(numbers: Iterable[int], most: int, call: Callable[[int], Awaitable[object]]) -> None:
    """Make a call for each number, at most `most` of them at a time. Raises what the first failing call raises."""
    slots = asyncio.Semaphore(most)

    async def one(number: int) -> None:
        async with slots:
            await call(number)

    await asyncio.gather(*map(one, numbers))
