"""A real server for what the time-skipping one does not do."""

from collections.abc import AsyncIterator

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from tests.conftest import executable
from workflows import search_attributes

EVENTS_BEFORE_CONTINUE_AS_NEW = 60


@pytest.fixture(scope="session")
async def dev_server() -> AsyncIterator[WorkflowEnvironment]:
    """Temporal, which suggests to continue as new after a few events instead of some thousands."""
    options = {
        "limit.historyCount.suggestContinueAsNew": EVENTS_BEFORE_CONTINUE_AS_NEW,
        "history.transferProcessorMaxPollRPS": 2_000,
        "history.timerProcessorMaxPollRPS": 2_000,
    }
    async with await WorkflowEnvironment.start_local(
        data_converter=pydantic_data_converter,
        dev_server_existing_path=executable("temporal"),
        dev_server_log_level="error",
        dev_server_extra_args=[
            argument for name, value in options.items() for argument in ("--dynamic-config-value", f"{name}={value}")
        ],
        search_attributes=search_attributes.ALL,
    ) as environment:
        yield environment
