"""The servers of tests end."""

from pathlib import Path

import pytest
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from devstack.ports import claim_ports
from tests.conftest import STARTUP_TIMEOUT, executable
from tests.server_program import ServerProgram


@pytest.fixture
def stubborn(tmp_path: Path) -> ServerProgram:
    """A time-skipping server that takes no notice of an interrupt."""
    program = tmp_path / "stubborn"
    program.write_text(f"#!/bin/sh\ntrap '' INT\nexec {executable('temporal-test-server')} \"$@\"\n")
    program.chmod(0o755)
    (tmp_path / "files").mkdir()
    return ServerProgram(str(program), tmp_path / "files")


async def test_a_server_that_does_not_end_when_asked_is_killed(stubborn: ServerProgram) -> None:
    environment = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(stubborn.path),
        port=claim_ports(1)[0],
        test_server_startup_timeout=STARTUP_TIMEOUT,
    )
    async with stubborn.ending(environment, seconds=1):
        await environment.get_current_time()
    with pytest.raises(RPCError, match="connect error"):
        await environment.get_current_time()
