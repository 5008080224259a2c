"""Temporal's servers in tests end: those that do not when the SDK asks them to, and those of a test process that is
killed."""

import asyncio
import os
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.testing import WorkflowEnvironment

from devstack.watchdog import Watchdog

END_SECONDS = 60.0
LEADER = """
import os, sys
os.setpgid(0, 0)
with open(sys.argv[1], "w") as file:
    file.write(str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Becomes the program of its second argument, as the leader of a process group, with its process ID in a file."""


class ServerProgram:
    """A program for the SDK to start as a server, whose process can be killed.

    The SDK interrupts its server and waits for its end without a limit, and it does not say which process it is. The
    time-skipping server once did not end for ten minutes on a busy machine. A server that the SDK has started also
    outlives a process that is killed.
    """

    def __init__(self, program: str, folder: Path) -> None:
        """`folder` is for files of this object; nothing else may be in it."""
        self._pid_file = folder / "pid"
        self.path = folder / "server"
        leader = shlex.join([sys.executable, "-ISc", LEADER, str(self._pid_file), program])
        self.path.write_text(f'#!/bin/sh\nexec {leader} "$@"\n')
        self.path.chmod(0o755)

    @asynccontextmanager
    async def running(
        self, start: Callable[[], Awaitable[WorkflowEnvironment]], seconds: float = END_SECONDS
    ) -> AsyncIterator[WorkflowEnvironment]:
        """Have the SDK start this program with `start`, yield the environment, then shut it down within `seconds`.

        The server also ends if `start` fails, or if this process is killed.
        """
        with Watchdog() as watchdog:
            starting = asyncio.ensure_future(start())
            while not (pid := self._pid()) and not starting.done():
                await asyncio.sleep(0.01)
            if pid:
                watchdog.guard(pid)  # before it answers, which takes long on a busy machine
            environment = await starting
            try:
                yield environment
            finally:
                shutdown = asyncio.ensure_future(environment.shutdown())
                await asyncio.wait({shutdown}, timeout=seconds)
                if not shutdown.done():
                    os.kill(pid, signal.SIGKILL)
                await shutdown
                watchdog.release(pid)

    def _pid(self) -> int:
        """Its process, which leads a group. 0 if it has not started yet."""
        return int(self._pid_file.read_text() or 0) if self._pid_file.exists() else 0
