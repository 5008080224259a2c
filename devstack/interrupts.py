"""Ctrl-C and SIGTERM end the current work, which then cleans up. A second signal cuts the cleanup short."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def until_interrupted(work: Coroutine[Any, Any, T], hurry: Callable[[], None]) -> T | None:
    """Return what `work` returns, or None when a signal ended it. `hurry` is called on every further signal."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    interrupted = False

    def interrupt() -> None:
        nonlocal interrupted
        if interrupted:
            hurry()
        else:
            interrupted = True
            task.cancel()

    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, interrupt)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            return await task
        return None
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
