"""Heartbeats of an activity, by which Temporal notices a lost worker and the activity a cancellation."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio import activity


@asynccontextmanager
async def heartbeating() -> AsyncIterator[None]:
    """Send a heartbeat three times per heartbeat timeout while the body runs. A body that ends before sends none: each
    is a write of Temporal's, and an action of Temporal Cloud."""
    timeout = activity.info().heartbeat_timeout or timedelta(seconds=30)
    beat = asyncio.create_task(_beat(timeout.total_seconds() / 3))
    try:
        yield
    finally:
        beat.cancel()


async def _beat(seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        activity.heartbeat()
