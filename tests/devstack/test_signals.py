"""A supervisor in a process of its own, ended from outside."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.devstack.small_processes import runs

ROOT = Path(__file__).parents[2]
SUPERVISOR = """
import asyncio, os, sys
from datetime import timedelta
from pathlib import Path
from devstack.child import Spec
from devstack.interrupts import until_interrupted
from devstack.supervisor import Supervisor

idle = "import signal, sys; {on_term}; print('up', flush=True)\\nwhile True: signal.pause()"
command = (sys.executable, "-I", "-S", "-c", idle)
long = timedelta(minutes=10)  # whatever does not stop is killed after that, and the test fails
specs = [Spec(name, lambda: command, os.environ, Path.cwd(), "up", long, long) for name in ("first", "second")]
supervisor = Supervisor([specs], lambda name, line: None)

async def work():
    async with supervisor:
        print(*supervisor.pids().values(), flush=True)
        await supervisor.death()
    return 1

sys.exit(asyncio.run(until_interrupted(work(), supervisor.kill_all)) or 0)
"""
QUICK = "pass"
STUBBORN = "signal.signal(signal.SIGTERM, lambda *_: print('asked', flush=True))"


@contextmanager
def supervisor(on_term: str) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A supervisor, in its own session as under a terminal, and its children's process IDs."""
    program = SUPERVISOR.replace("{on_term}", on_term)
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        yield process, [int(pid) for pid in process.stdout.readline().split()]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_ctrl_c_stops_everything_and_counts_as_success() -> None:
    with supervisor(QUICK) as (process, children):
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 0
        assert len(children) == 2
        assert not any(map(runs, children))


def test_sigterm_stops_everything_and_counts_as_success() -> None:
    with supervisor(QUICK) as (process, children):
        process.terminate()
        assert process.wait(60) == 0
        assert not any(map(runs, children))


def test_a_second_ctrl_c_kills_what_does_not_stop() -> None:
    with supervisor(STUBBORN) as (process, children):
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert not any(map(runs, children))


def test_the_children_of_a_killed_supervisor_are_killed() -> None:
    with supervisor(QUICK) as (process, children):
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)
        wait_until(lambda: not any(map(runs, children)))


def test_a_child_that_dies_ends_the_supervisor() -> None:
    with supervisor(QUICK) as (process, children):
        os.kill(children[0], signal.SIGKILL)
        assert process.wait(60) == 1
        assert not any(map(runs, children))
