"""Starts the load generator, and gives it jobs."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.compare.load.jobs import Job, Report
from devstack.servers import ROOT

_MAX_LINE_BYTES = 2**26


class Generator:
    """Does one job at a time, in a process of its own."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._one_at_a_time = asyncio.Lock()

    async def do(self, job: Job) -> Report:
        """Raises `RuntimeError` if the process has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._one_at_a_time:
            self._process.stdin.write(job.model_dump_json().encode() + b"\n")
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("The load generator has ended.")
        return Report.model_validate_json(line)


@asynccontextmanager
async def running_generator() -> AsyncIterator[Generator]:
    """A generator until the end of the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.compare.load"), stdin=PIPE, stdout=PIPE, cwd=ROOT, limit=_MAX_LINE_BYTES
    )
    try:
        yield Generator(process)
    finally:
        process.terminate()
        await process.wait()
