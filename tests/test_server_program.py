"""The servers of tests end."""

import asyncio
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from devstack.ports import claim_ports
from devstack.probes import listens
from tests.conftest import STARTUP_TIMEOUT, executable
from tests.eventually import eventually
from tests.server_program import ServerProgram

ROOT = Path(__file__).parent.parent


@pytest.fixture
def stubborn(tmp_path: Path) -> ServerProgram:
    """A time-skipping server that takes no notice of an interrupt."""
    program = tmp_path / "stubborn"
    program.write_text(f"#!/bin/sh\ntrap '' INT\nexec {executable('temporal-test-server')} \"$@\"\n")
    program.chmod(0o755)
    (tmp_path / "files").mkdir()
    return ServerProgram(str(program), tmp_path / "files")


async def test_a_server_that_does_not_end_when_asked_is_killed(stubborn: ServerProgram) -> None:
    start = partial(
        WorkflowEnvironment.start_time_skipping,
        test_server_existing_path=str(stubborn.path),
        port=claim_ports(1)[0],
        test_server_startup_timeout=STARTUP_TIMEOUT,
    )
    async with stubborn.running(start, seconds=1) as environment:
        await environment.get_current_time()
    with pytest.raises(RPCError, match="connect error"):
        await environment.get_current_time()


RUN = """
import asyncio, sys
from functools import partial
from pathlib import Path
from temporalio.testing import WorkflowEnvironment
from devstack.ports import claim_ports
from tests.brokers.embedded import running_broker
from tests.conftest import STARTUP_TIMEOUT, executable
from tests.dev_server import dev_server
from tests.server_program import ServerProgram

async def main():
    program = ServerProgram(executable("temporal-test-server"), Path(sys.argv[1]))
    start = partial(
        WorkflowEnvironment.start_time_skipping,
        test_server_existing_path=str(program.path),
        port=claim_ports(1)[0],
        test_server_startup_timeout=STARTUP_TIMEOUT,
    )
    async with dev_server({}) as one, program.running(start) as other:
        with running_broker() as broker:
            temporal = (each.client.service_client.config.target_host for each in (one, other))
            print("ready:", *temporal, broker, flush=True)
            await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_servers_end_also_when_the_test_process_that_started_them_is_killed(tmp_path: Path) -> None:
    run = await asyncio.create_subprocess_exec(
        sys.executable, "-c", RUN, str(tmp_path), cwd=ROOT, stdout=subprocess.PIPE
    )
    assert run.stdout is not None
    said = await run.stdout.readuntil(b"ready:") + await run.stdout.readline()  # what the servers print comes first
    addresses = said.decode().rpartition("ready:")[2].split()
    assert [await listens(each) for each in addresses] == [True, True, True]
    run.kill()
    await run.wait()

    async def are_gone() -> bool:
        return not any([await listens(each) for each in addresses])

    await eventually(are_gone)
