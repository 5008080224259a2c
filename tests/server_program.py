"""Temporal's servers in tests end, even those that do not end when the SDK asks them to."""

import asyncio
import os
import shlex
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.testing import WorkflowEnvironment

END_SECONDS = 60.0


class ServerProgram:
    """A program for the SDK to start as a server, whose process can be killed.

    The SDK interrupts its server and waits for its end without a limit, and it does not say which process it is. The
    time-skipping server once did not end for ten minutes on a busy machine.
    """

    def __init__(self, program: str, folder: Path) -> None:
        """`folder` is for files of this object; nothing else may be in it."""
        self._pid_file = folder / "pid"
        self.path = folder / "server"
        self.path.write_text(
            f'#!/bin/sh\necho $$ >{shlex.quote(str(self._pid_file))}\nexec {shlex.quote(program)} "$@"\n'
        )
        self.path.chmod(0o755)

    @asynccontextmanager
    async def ending(
        self, environment: WorkflowEnvironment, seconds: float = END_SECONDS
    ) -> AsyncIterator[WorkflowEnvironment]:
        """Yield the environment of this program's server, then shut it down, within `seconds`."""
        try:
            yield environment
        finally:
            shutdown = asyncio.ensure_future(environment.shutdown())
            await asyncio.wait({shutdown}, timeout=seconds)
            if not shutdown.done():
                os.kill(int(self._pid_file.read_text()), signal.SIGKILL)
            await shutdown
