"""Processes that stand for servers, and the log of their supervisor."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from devstack.child import Probe, Spec

IDLE = "import signal; print('up', flush=True); signal.pause()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"
CRASHING = "print('no disk left', flush=True); raise SystemExit(3)"
CRASHING_WHEN_POKED = (
    "import os, signal;"  # os.write: the signal may come while `print` still writes
    "signal.signal(signal.SIGUSR1, lambda *_: (os.write(1, b'no disk left\\n'), os._exit(3)));"
    "print('up', flush=True); signal.pause()"
)
BUSY = """
import threading
def work():
    while True: pass
for _ in range(6): threading.Thread(target=work, daemon=True).start()
print("up", flush=True)
work()
"""
PARENT = (
    "import subprocess, sys, signal;"
    "p = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'], process_group=None);"
    "print('child', p.pid, flush=True); print('up', flush=True); signal.pause()"
)


class Journal(list[tuple[str, str]]):
    """What the supervisor logs, as (process, line)."""

    def log(self, name: str, line: str) -> None:
        self.append((name, line))

    def lines(self, name: str) -> list[str]:
        return [line for who, line in self if who == name]

    def processes(self, event: str) -> list[str]:
        """Those that have a line which begins with `event`, in order."""
        return [name for name, line in self if line.startswith(event)]


def spec(
    name: str,
    program: str = IDLE,
    *,
    ready: Probe | str | None = "up",
    ready_within: timedelta = timedelta(seconds=30),
    stop_within: timedelta = timedelta(seconds=30),
) -> Spec:
    command = (sys.executable, "-I", "-S", "-c", program)
    return Spec(name, lambda: command, os.environ, Path.cwd(), ready, ready_within, stop_within)


def one_by_one(*specs: Spec) -> list[list[Spec]]:
    return [[spec] for spec in specs]


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def is_stopped(pid: int) -> bool:
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, check=True, text=True)
    return shown.stdout.startswith("T")


def thread_states(pid: int) -> set[str]:
    """The states of a process's threads, from /proc (Linux)."""
    return {(thread / "stat").read_text().rpartition(") ")[2][0] for thread in Path(f"/proc/{pid}/task").iterdir()}
