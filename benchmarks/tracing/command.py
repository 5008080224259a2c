"""`python -m benchmarks tracing`: what distributed traces cost.

Two stacks run at the same time, one sends every span to a collector, the other has none; each gets the same load in
turn. Before that, a span alone, recorded and with tracing off.
"""

import argparse
import asyncio
import os
import statistics
import time
from contextlib import AsyncExitStack

from rich.console import Console

from benchmarks.harness.options import options_parser
from benchmarks.harness.pairs import SETTINGS, add_options, compare
from benchmarks.harness.results import figures_table, open_console
from benchmarks.harness.stack import benchmark_stack
from benchmarks.tracing.collector import counting
from infra.tracing import spans
from infra.tracing.process import traced

_SPANS = 2_000
_MEASUREMENTS = 9
_MIB = 1024 * 1024


def main(arguments: list[str]) -> int:
    parser = options_parser("tracing", f"{__doc__}")
    add_options(parser)
    asyncio.run(_run(parser.parse_args(arguments), open_console()))
    return 0


async def _run(options: argparse.Namespace, console: Console) -> None:
    async with counting() as collector, AsyncExitStack() as stacks:
        alone = figures_table("Microseconds of CPU for a span, with its sending", ("tracing off", "on"))
        alone.add_row(f"{_microseconds():.2f}", f"{await asyncio.to_thread(_recorded, collector.endpoint):.2f}")
        console.print(alone)
        off = await stacks.enter_async_context(benchmark_stack({**SETTINGS, "OTEL_SDK_DISABLED": "true"}))
        endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint}
        on = await stacks.enter_async_context(benchmark_stack({**SETTINGS, **endpoint}))
        await compare({"off": off, "on": on}, options, console)
        console.print(f"The collector got {collector.received_bytes / _MIB:.1f} MiB.")


def _recorded(endpoint: str) -> float:
    queue = str(_SPANS * _MEASUREMENTS)  # so that none is dropped
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_BSP_MAX_QUEUE_SIZE": queue}
    os.environ.update(variables)
    try:
        with traced("benchmark"):
            return _microseconds()
    finally:
        for name in variables:
            del os.environ[name]


def _microseconds() -> float:
    """The median of several measurements."""
    return statistics.median(_measured() for _ in range(_MEASUREMENTS))


def _measured() -> float:
    began = time.process_time()
    for _ in range(_SPANS):
        with spans.span("benchmark", "INTERNAL"):
            pass
    return (time.process_time() - began) / _SPANS * 1e6
