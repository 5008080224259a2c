"""The load generator as its parent sees it."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.jobs import Answer, Job
from devstack.servers import ROOT

_LONGEST_LINE_BYTES = 2**26


class Generator:
    """Does one job at a time, in a process of its own."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._one_at_a_time = asyncio.Lock()

    async def do(self, job: Job) -> Answer:
        """Raises `RuntimeError` if the process has ended."""
        async with self._one_at_a_time:
            return await self._do(job)

    async def _do(self, job: Job) -> Answer:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(job.model_dump_json().encode() + b"\n")
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("The load generator has ended.")
        return Answer.model_validate_json(line)


@asynccontextmanager
async def running_generator() -> AsyncIterator[Generator]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.load"), stdin=PIPE, stdout=PIPE, cwd=ROOT, limit=_LONGEST_LINE_BYTES
    )
    try:
        yield Generator(process)
    finally:
        process.terminate()
        await process.wait()
