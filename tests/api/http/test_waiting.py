"""A call waits for an outcome as long as a setting says, and then learns how to go on."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.service import RPCError, RPCStatusCode

from tests.api.http.running import ATTACH, JOB, SETTINGS, Running, gateway_with, nothing_left, post

RUN = post("/FanOutWorker/run", JOB)


@pytest.fixture
async def impatient() -> AsyncIterator[Running]:
    """A gateway where a call waits for 0.1 s."""
    async with gateway_with(SETTINGS.model_copy(update={"max_wait": timedelta(seconds=0.1)})) as running:
        yield running


@pytest.mark.parametrize("sent", [ATTACH, RUN])
async def test_after_the_longest_wait_a_call_gets_the_id_and_how_to_go_on(impatient: Running, sent: bytes) -> None:
    status, headers, document = await impatient.asks(sent)
    assert (status, document["type"]) == (504, "urn:problem:not-finished")
    [started] = impatient.temporal.started or ["fan-out:1"]
    assert document["invocationId"] == started
    assert f"/invocations/{started}/attach" in document["detail"]
    assert document["webUi"].endswith(f"/workflows/{started.replace(':', '%3A')}")
    assert int(headers["retry-after"]) > 0
    await nothing_left(impatient)


async def test_the_connection_can_be_used_to_wait_again(impatient: Running) -> None:
    client = await impatient.connect()
    for _ in range(3):
        client.send(ATTACH)
        assert (await client.answer())[0] == 504
    client.leave()
    await nothing_left(impatient)


@pytest.mark.parametrize("sent", [ATTACH, RUN])
async def test_a_client_that_waits_while_temporal_becomes_unavailable_gets_the_id(sent: bytes) -> None:
    async with gateway_with(SETTINGS) as gateway:
        gateway.temporal.failure = RPCError("tcp connect error", RPCStatusCode.UNAVAILABLE, b"")
        status, headers, document = await gateway.asks(sent)
    assert (status, document["type"]) == (503, "urn:problem:temporal-unavailable")
    assert document["invocationId"] == (gateway.temporal.started or ["fan-out:1"])[0]
    assert int(headers["retry-after"]) > 0
