"""CPU time by process, where there is a /proc."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.processes import cpu_by_name
from tests.eventually import eventually

BUSY = f"{sys.executable} -c 'while True: pass' & wait"

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc")


async def test_the_cpu_time_of_a_process_is_also_that_of_what_it_started() -> None:
    with subprocess.Popen(["sh", "-c", BUSY], start_new_session=True) as shell:
        try:
            await eventually(lambda: cpu_by_name({"shell": shell.pid})["shell"] >= 0.2)
        finally:
            subprocess.run(["kill", "-9", "--", f"-{shell.pid}"], check=True)


def test_a_process_that_has_ended_has_used_nothing() -> None:
    assert cpu_by_name({"gone": 2**22 + 1}) == {"gone": 0.0}
