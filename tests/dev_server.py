"""Temporal's own server, with limits that a test reaches in seconds."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from devstack.ports import claim_ports
from tests.conftest import STARTUP_TIMEOUT, executable
from tests.server_program import ServerProgram
from workflows import search_attributes

FAST = {"history.transferProcessorMaxPollRPS": 2_000, "history.timerProcessorMaxPollRPS": 2_000}
CONTINUE_AS_NEW = "limit.historyCount.suggestContinueAsNew"
SIGNALS = "history.maximumSignalsPerExecution"
BARE = "without-search-attributes"
"""The second namespace of `dev_server_with_bare_namespace`."""


@asynccontextmanager
async def dev_server(limits: Mapping[str, int | str], *arguments: str) -> AsyncIterator[WorkflowEnvironment]:
    """A server of its own. `limits` are dynamic configuration, by Temporal's names; `arguments` are its program's."""
    options = {**FAST, **limits}
    with TemporaryDirectory() as folder:
        program = ServerProgram(executable("temporal"), Path(folder))
        start = partial(
            WorkflowEnvironment.start_local,
            data_converter=pydantic_data_converter,
            dev_server_existing_path=str(program.path),
            port=claim_ports(1)[0],
            dev_server_log_level="error",
            dev_server_startup_timeout=STARTUP_TIMEOUT,
            dev_server_extra_args=[
                *arguments,
                *(
                    argument
                    for name, value in options.items()
                    for argument in ("--dynamic-config-value", f"{name}={value}")
                ),
            ],
            search_attributes=search_attributes.ALL,
        )
        async with program.running(start) as environment:
            yield environment


@asynccontextmanager
async def dev_server_with_bare_namespace() -> AsyncIterator[WorkflowEnvironment]:
    """A server of its own that has, beside the usual namespace, one without search attributes."""
    async with dev_server({}) as environment:
        request = RegisterNamespaceRequest(
            namespace=BARE, workflow_execution_retention_period=Duration(seconds=24 * 3600)
        )
        await environment.client.workflow_service.register_namespace(request)
        yield environment
