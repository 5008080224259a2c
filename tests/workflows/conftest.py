"""A real server, for tests that the time-skipping one cannot run, and the modes of steps."""

from collections.abc import AsyncIterator

import pytest
from temporalio.testing import WorkflowEnvironment

from domain.steps import StepMode
from tests.dev_server import CONTINUE_AS_NEW
from tests.dev_server import dev_server as running_dev_server

EVENTS_BEFORE_CONTINUE_AS_NEW = 60


@pytest.fixture(params=list(StepMode))
def steps(request: pytest.FixtureRequest) -> StepMode:
    """Each mode in turn. A test of one mode names it: `@pytest.mark.parametrize("steps", [...], indirect=True)`."""
    return StepMode(request.param)


@pytest.fixture(scope="session")
async def dev_server() -> AsyncIterator[WorkflowEnvironment]:
    """Temporal, which suggests to continue as new after a few events instead of some thousands."""
    async with running_dev_server({CONTINUE_AS_NEW: EVENTS_BEFORE_CONTINUE_AS_NEW}) as environment:
        yield environment
