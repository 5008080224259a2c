"""A process that outlives a killed supervisor just long enough to kill what it left behind.

The supervisor sends it the process groups to guard through a pipe, which closes when the supervisor ends for whatever
reason. This works on every POSIX system; a parent-death signal exists only on Linux.
"""

import contextlib
import os
import signal
import subprocess
import sys
from typing import Self


class Watchdog:
    """Guards process groups. A group has the process ID of its leader."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def guard(self, group: int) -> None:
        self._send(f"+{group}")

    def release(self, group: int) -> None:
        self._send(f"-{group}")

    def close(self) -> None:
        """End the watchdog. It kills the groups that are still guarded."""
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate()

    def _send(self, line: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _watch() -> None:
    guarded: set[int] = set()
    for line in sys.stdin:
        change, group = line[0], int(line[1:])
        guarded = guarded | {group} if change == "+" else guarded - {group}
    for group in guarded:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    _watch()
