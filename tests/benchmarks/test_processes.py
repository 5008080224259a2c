"""CPU time by process, where there is a /proc."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.harness.processes import cpu_by_name
from tests.eventually import eventually

BUSY = f"{sys.executable} -c 'while True: pass' & wait"
IN_A_SESSION_OF_ITS_OWN = f"{sys.executable} -c 'import os; os.setsid()\nwhile True: pass' & echo $!; wait"

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc")


@pytest.fixture
def shell() -> Iterator[int]:
    """The process ID of a shell that waits for a busy child."""
    with subprocess.Popen(["sh", "-c", BUSY], start_new_session=True) as process:
        yield process.pid
        os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def parent_and_child() -> Iterator[tuple[int, int]]:
    """The process IDs of a shell and of its busy child, which makes a session of its own, as PostgreSQL's do."""
    command = ["sh", "-c", IN_A_SESSION_OF_ITS_OWN]
    with subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        yield process.pid, child
        os.kill(child, signal.SIGKILL)


async def test_the_cpu_time_of_a_process_includes_that_of_its_children(shell: int) -> None:
    await eventually(lambda: cpu_by_name({"shell": shell})["shell"] >= 0.2)


async def test_the_cpu_time_of_a_process_includes_that_of_children_with_sessions_of_their_own(
    parent_and_child: tuple[int, int],
) -> None:
    parent, child = parent_and_child
    await eventually(lambda: os.getsid(child) == child)
    before = cpu_by_name({"parent": parent})["parent"]
    await eventually(lambda: cpu_by_name({"parent": parent})["parent"] >= before + 0.2)


def test_a_process_that_has_ended_has_used_nothing() -> None:
    assert cpu_by_name({"gone": 2**22 + 1}) == {"gone": 0.0}
