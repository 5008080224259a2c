"""One process of the stack: how it starts, becomes ready, and stops."""

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import Process
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Self

from devstack.errors import CannotStart, ChildDied, ChildNotReady
from devstack.watchdog import Watchdog

Log = Callable[[str, str], None]
"""Takes the name of a process and a line of its output."""
Command = Callable[[], Sequence[str]]
"""Returns the command line. It is called again for each start."""
Probe = Callable[[], Awaitable[bool]]

_LINES_KEPT = 15
_MAX_LINE_BYTES = 1024 * 1024
_PROBE_EVERY_SECONDS = 0.1
_LAST_LINES_WITHIN_SECONDS = 2


@dataclass(frozen=True)
class Spec:
    """How to run one process, and how to see that it is ready."""

    name: str
    command: Command
    environment: Mapping[str, str]
    folder: Path
    ready: Probe | str | None
    """A probe, or text that a line of its output contains; None for a step that runs to its end."""
    ready_within: timedelta = timedelta(seconds=60)
    stop_within: timedelta = timedelta(seconds=10)
    """Between SIGTERM and SIGKILL."""


class Child:
    """A running process, the leader of its own session, so that a terminal's Ctrl-C reaches only the supervisor."""

    def __init__(
        self, spec: Spec, process: Process, output: asyncio.StreamReader, log: Log, watchdog: Watchdog
    ) -> None:
        self._spec = spec
        self._process = process
        self._log = log
        self._watchdog = watchdog
        self._last_lines: deque[str] = deque(maxlen=_LINES_KEPT)
        self._said_ready = False
        self._end = asyncio.create_task(self._follow(output))
        self.stopping = False

    @classmethod
    async def start(cls, spec: Spec, log: Log, watchdog: Watchdog) -> Self:
        """Raises `CannotStart` if there is no such program."""
        command = spec.command()
        async with _pipe() as (output, write_end):
            try:
                process = await asyncio.create_subprocess_exec(
                    *command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=write_end,
                    stderr=asyncio.subprocess.STDOUT,
                    env=dict(spec.environment),
                    cwd=spec.folder,
                    start_new_session=True,
                    umask=0o077,  # what it writes is for its owner only
                )
            except OSError as error:
                raise CannotStart(f"Cannot run {command[0]} for {spec.name}: {error.strerror}.") from error
        watchdog.guard(process.pid)
        return cls(spec, process, output, log, watchdog)

    @property
    def name(self) -> str:
        return self._spec.name

    @property
    def pid(self) -> int:
        return self._process.pid

    async def exited(self) -> int:
        """Wait until the process has ended and its last line is logged. Returns the exit code."""
        return await asyncio.shield(self._end)

    async def wait_until_ready(self) -> None:
        """Raises `ChildDied` and `ChildNotReady`."""
        within = self._spec.ready_within
        try:
            async with asyncio.timeout(within.total_seconds()):
                await (self._success() if self._spec.ready is None else self._readiness())
        except TimeoutError:
            raise ChildNotReady(self.name, within, self._last_lines) from None

    async def stop(self) -> int:
        """Send SIGTERM, then SIGKILL after `stop_within`. Returns the exit code."""
        self.stopping = True
        self._signal(signal.SIGTERM)
        self.resume()  # a paused process handles the signal only after it is resumed
        try:
            return await asyncio.wait_for(self.exited(), self._spec.stop_within.total_seconds())
        except TimeoutError:
            seconds = self._spec.stop_within.total_seconds()
            self._log(self.name, f"still runs {seconds:g} s after SIGTERM: killed")
        self.kill()
        return await self.exited()

    def kill(self) -> None:
        self.stopping = True
        self.crash()

    def crash(self) -> None:
        """Kill the process as something outside the stack would: it counts as one that ended by itself."""
        self._signal(signal.SIGKILL)

    def pause(self) -> None:
        """Freeze the process, as if its machine hung. Its connections stay open.

        Returns once all its threads have stopped: on a busy machine they run on for a moment. Not on macOS.
        """
        self._signal(signal.SIGSTOP)
        with contextlib.suppress(AttributeError, ChildProcessError):  # macOS has no waitid; the process may have ended
            os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def death(self, exit_code: int) -> ChildDied:
        return ChildDied(self.name, exit_code, self._last_lines)

    async def _success(self) -> None:
        if exit_code := await self.exited():
            raise self.death(exit_code)

    async def _readiness(self) -> None:
        while not await self._is_ready():
            if self._process.returncode is not None:
                raise self.death(await self.exited())
            await asyncio.sleep(_PROBE_EVERY_SECONDS)

    async def _is_ready(self) -> bool:
        return await self._spec.ready() if callable(self._spec.ready) else self._said_ready

    def _signal(self, number: signal.Signals) -> None:
        if self._process.returncode is None:
            self._signal_group(number)

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS raises the latter for a zombie
            os.killpg(self.pid, number)

    async def _follow(self, output: asyncio.StreamReader) -> int:
        reading = asyncio.create_task(self._read(output))
        exit_code = await self._process.wait()
        self._signal_group(signal.SIGKILL)  # what it started itself and left behind
        await asyncio.wait({reading}, timeout=_LAST_LINES_WITHIN_SECONDS)
        reading.cancel()
        self._watchdog.release(self.pid)
        return exit_code

    async def _read(self, output: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await output.readline()
            except ValueError:  # a line beyond the limit; asyncio has dropped it
                continue
            if not line:
                return
            self._take(line.decode(errors="replace").rstrip())

    def _take(self, line: str) -> None:
        self._last_lines.append(line)
        if isinstance(self._spec.ready, str) and self._spec.ready in line:
            self._said_ready = True
        self._log(self.name, line)


@contextlib.asynccontextmanager
async def _pipe() -> AsyncIterator[tuple[asyncio.StreamReader, int]]:
    """A pipe for a process's output. With a pipe made by asyncio, `wait` would not return while a grandchild holds
    the pipe, although the process itself has ended."""
    read_end, write_end = os.pipe()
    try:
        output = asyncio.StreamReader(limit=_MAX_LINE_BYTES)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(output), os.fdopen(read_end, "rb")
        )
        yield output, write_end
    finally:
        os.close(write_end)
