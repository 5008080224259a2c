"""`python -m benchmarks encryption`: what the encryption of payloads costs.

Two stacks run at the same time, one with PAYLOAD_ENCRYPTION=off; each gets the same load in turn. Before that, the
codec alone: what a payload takes on the event loop, as in the stack, and in a thread.
"""

import argparse
import asyncio
from contextlib import AsyncExitStack

from rich.console import Console

from benchmarks.encryption.codec import codec_table
from benchmarks.harness.options import options_parser
from benchmarks.harness.pairs import SETTINGS, add_options, compare
from benchmarks.harness.results import open_console
from benchmarks.harness.stack import benchmark_stack


def main(arguments: list[str]) -> int:
    parser = options_parser("encryption", f"{__doc__}")
    add_options(parser)
    asyncio.run(_run(parser.parse_args(arguments), open_console()))
    return 0


async def _run(options: argparse.Namespace, console: Console) -> None:
    console.print(await codec_table())
    async with AsyncExitStack() as stacks:
        clear = await stacks.enter_async_context(benchmark_stack({**SETTINGS, "PAYLOAD_ENCRYPTION": "off"}))
        encrypted = await stacks.enter_async_context(benchmark_stack({**SETTINGS, "PAYLOAD_ENCRYPTION": "required"}))
        await compare({"clear": clear, "encrypted": encrypted}, options, console)
