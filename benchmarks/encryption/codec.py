"""The codec alone: what it takes to encrypt a payload and decrypt it again."""

import asyncio
import secrets
import statistics
import time
from collections.abc import Awaitable, Callable

from rich.table import Table
from temporalio.api.common.v1 import Payload

from benchmarks.harness.results import figures_table
from infra.payload_encryption import EncryptionCodec
from infra.payload_keys import KeyRing

_SIZES = (100, 1_000, 10_000, 100_000, 2_000_000)
_SECONDS = 0.5
"""How long each size is measured."""


async def codec_table() -> Table:
    """Microseconds per payload, on the event loop and in a thread."""
    codec = EncryptionCodec(KeyRing.parse(f"benchmark:{secrets.token_hex(32)}", "the benchmark's key"))

    async def on_the_loop(payload: Payload) -> None:
        await codec.decode(await codec.encode([payload]))

    async def in_a_thread(payload: Payload) -> None:
        encoded = await asyncio.to_thread(_finish, codec.encode([payload]))
        await asyncio.to_thread(_finish, codec.decode(encoded))

    table = figures_table("Encrypt and decrypt, microseconds", ("bytes", "on the event loop", "in a thread"))
    for size in _SIZES:
        payload = Payload(metadata={"encoding": b"json/plain"}, data=secrets.token_bytes(size))
        figures = [await _microseconds(way, payload) for way in (on_the_loop, in_a_thread)]
        table.add_row(f"{size:,}", *(f"{figure:,.0f}" for figure in figures))
    return table


async def _microseconds(way: Callable[[Payload], Awaitable[None]], payload: Payload) -> float:
    taken, end = [], time.perf_counter() + _SECONDS
    while time.perf_counter() < end:
        began = time.perf_counter()
        await way(payload)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1e6


def _finish(coroutine: Awaitable[list[Payload]]) -> list[Payload]:
    """The result of a coroutine that waits for nothing."""
    iterator = coroutine.__await__()
    try:
        next(iterator)
    except StopIteration as finished:
        result: list[Payload] = finished.value
        return result
    raise AssertionError("the codec waits for something")
