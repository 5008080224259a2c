"""A closed loop: so many callers, each with one call in flight."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import count

import aiohttp

from benchmarks.compare.load.jobs import Report

Call = Callable[[str], Awaitable[str]]
"""Make one call for a key. Returns the answer; raises `WrongAnswer`."""
_MAX_ERROR_LENGTH = 500


class WrongAnswer(Exception):
    """An answer that the row does not expect."""


def keys_from(prefix: str, keys: int | None) -> Iterator[str]:
    """`prefix-0`, `prefix-1` and so on without end; with `keys`, after so many from the first one again."""
    return (f"{prefix}-{number % keys if keys else number}" for number in count())


async def closed_loop(
    call: Call, keys: Iterator[str], concurrency: int, seconds: float | None, *, keep_answers: bool = False
) -> Report:
    """Call each next key until `seconds` are over or the keys end. Every caller makes at least one call."""
    report = Report()
    began = time.perf_counter()
    deadline = began + seconds if seconds is not None else float("inf")

    async def caller() -> None:
        for key in keys:
            await timed(key)
            if time.perf_counter() >= deadline:
                return

    async def timed(key: str) -> None:
        sent = time.perf_counter()
        try:
            answer = await call(key)
        except (WrongAnswer, aiohttp.ClientError, TimeoutError) as error:
            report.wrong += 1
            report.first_wrong = report.first_wrong or f"{key}: {type(error).__name__} {error}"[:_MAX_ERROR_LENGTH]
            return
        report.units += 1
        report.latencies_ms.append((time.perf_counter() - sent) * 1e3)
        if keep_answers:
            report.answers.append(answer)

    await asyncio.gather(*(caller() for _ in range(concurrency)))
    report.seconds = time.perf_counter() - began
    return report
