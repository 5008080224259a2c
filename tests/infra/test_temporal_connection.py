"""A gateway's first calls to a Temporal that does not answer end, and it connects once Temporal answers."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from temporalio.api.workflowservice.v1 import GetSystemInfoRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode, WorkflowService

from infra import temporal_connection
from infra.payload_keys import KeyRing
from infra.temporal import connect_gateway
from tests.dev_server import dev_server
from tests.eventually import eventually
from tests.silent_server import SilentServer, silent_server


@pytest.fixture
async def silent() -> AsyncIterator[SilentServer]:
    async with silent_server() as server:
        yield server


@pytest.fixture
async def client(silent: SilentServer, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A gateway's client, which has not connected."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", silent.address)
    monkeypatch.setattr(temporal_connection, "CONNECT_SECONDS", 0.5)
    return await connect_gateway(1024, KeyRing())


async def test_calls_to_a_temporal_that_says_nothing_end_together(client: Client, silent: SilentServer) -> None:
    async with asyncio.timeout(25):  # one attempt of the SDK takes 30 s
        failures = await asyncio.gather(*(client.count_workflows() for _ in range(20)), return_exceptions=True)

    statuses = [failure.status for failure in failures if isinstance(failure, RPCError)]
    assert statuses == [RPCStatusCode.UNAVAILABLE] * 20
    assert silent.connections == 1


async def test_a_call_that_is_cancelled_leaves_the_attempt_to_the_others(client: Client, silent: SilentServer) -> None:
    first, second = (asyncio.create_task(client.count_workflows()) for _ in range(2))
    await eventually(lambda: silent.connections)
    first.cancel()

    with pytest.raises(RPCError, match=r"no answer to a first call within 0\.5 s"):
        await second
    assert first.cancelled()
    assert silent.connections == 1


async def test_a_temporal_that_answers_again_is_used_without_a_restart(client: Client, silent: SilentServer) -> None:
    with pytest.raises(RPCError):
        await client.count_workflows()

    async with dev_server({}) as environment:
        silent.upstream = environment.client.service_client.config.target_host
        await eventually(lambda: counts(client))


async def counts(client: Client) -> bool:
    try:
        return (await client.count_workflows()).count == 0
    except RPCError:  # on a busy machine an attempt may take longer than this test allows it
        return False


async def test_a_refused_connection_is_an_error_of_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    refused = await connect_gateway(1024, KeyRing())

    with pytest.raises(RPCError, match="Connection refused") as failed:
        await refused.count_workflows()
    assert failed.value.status is RPCStatusCode.UNAVAILABLE


async def test_a_server_that_refuses_to_describe_itself_is_connected(
    silent: SilentServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(_: WorkflowService, __: GetSystemInfoRequest) -> None:
        raise RPCError("unknown method", RPCStatusCode.UNIMPLEMENTED, b"")

    monkeypatch.setattr(WorkflowService, "get_system_info", refused)
    async with dev_server({}) as environment:
        silent.upstream = environment.client.service_client.config.target_host
        await eventually(lambda: counts(client))
