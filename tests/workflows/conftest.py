"""A real server, for tests that the time-skipping one cannot run."""

from collections.abc import AsyncIterator

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.dev_server import CONTINUE_AS_NEW
from tests.dev_server import dev_server as running_dev_server

EVENTS_BEFORE_CONTINUE_AS_NEW = 60


@pytest.fixture(scope="session")
async def dev_server() -> AsyncIterator[WorkflowEnvironment]:
    """Temporal, which suggests to continue as new after a few events instead of some thousands."""
    async with running_dev_server({CONTINUE_AS_NEW: EVENTS_BEFORE_CONTINUE_AS_NEW}) as environment:
        yield environment
