"""A gateway that is about to stop serves on until load balancers know, and cuts no call off without an answer."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from api.http.draining import Drain
from api.server import DRAIN_DELAY, Server, server
from infra.settings import Settings
from tests.api.http.processes import gateway_process
from tests.api.http.running import (
    ATTACH,
    HEALTH,
    HOST,
    JOB,
    SETTINGS,
    Answer,
    Running,
    gateway_with,
    port_of,
    post,
    serving,
)
from tests.eventually import eventually

READY = HEALTH.replace(b"/health", b"/ready")
RUN = post("/FanOutWorker/run", JOB)
LONG = timedelta(minutes=10)
"""No test waits that long: what ends sooner was not waited for."""


@asynccontextmanager
async def draining(running: Running) -> AsyncIterator[None]:
    """From SIGTERM until the listener closes, which a second signal brings about."""
    running.server.stop()
    await eventually(lambda: running.drain.begun)
    yield
    running.server.stop()


@pytest.fixture
async def gateway() -> AsyncIterator[Running]:
    """A gateway that drains for a long time."""
    update = {"drain_delay": LONG, "graceful_shutdown": LONG}
    async with gateway_with(SETTINGS.model_copy(update=update)) as running:
        yield running


def must_say_how_to_go_on(gateway: Running, answer: Answer) -> None:
    status, headers, document = answer
    assert (status, document["type"]) == (503, "urn:problem:shutting-down")
    [id] = gateway.temporal.started or ["fan-out:1"]
    assert document["invocationId"] == id
    assert f"/invocations/{id}/attach" in document["detail"]
    assert int(headers["retry-after"]) > 0
    assert headers["connection"] == "close"


@pytest.mark.parametrize("sent", [ATTACH, RUN])
async def test_a_call_that_waits_is_answered_at_once_and_learns_how_to_go_on(gateway: Running, sent: bytes) -> None:
    client = await gateway.connect(sent)
    await eventually(lambda: gateway.temporal.long_polls == 1)
    async with draining(gateway):
        must_say_how_to_go_on(gateway, await client.answer())
        assert await client.rest() == b""
        await eventually(lambda: gateway.temporal.long_polls == 0)


@pytest.mark.parametrize("sent", [ATTACH, RUN])
async def test_a_call_that_comes_then_is_started_and_answered_soon(gateway: Running, sent: bytes) -> None:
    async with draining(gateway):
        must_say_how_to_go_on(gateway, await gateway.asks(sent))
        assert gateway.temporal.started or sent == ATTACH


async def test_an_outcome_that_comes_soon_is_the_answer_also_then(gateway: Running) -> None:
    gateway.temporal.ends.set()
    async with draining(gateway):
        status, headers, body = await gateway.asks(RUN)
    assert (status, body, headers["connection"]) == (200, {"description": "done"}, "close")


async def test_a_call_that_is_being_started_is_accepted_before_it_is_answered(gateway: Running) -> None:
    gateway.temporal.may_start.clear()
    client = await gateway.connect(RUN)
    await gateway.temporal.starting.wait()
    async with draining(gateway):
        gateway.temporal.may_start.set()
        must_say_how_to_go_on(gateway, await client.answer())
        client.leave()


async def test_it_says_that_it_is_not_ready_while_it_serves(gateway: Running) -> None:
    async with draining(gateway):
        status, headers, body = await gateway.asks(READY)
        assert (status, body) == (503, {"status": "draining"})
        assert int(headers["retry-after"]) > 0
        assert (await gateway.asks(HEALTH))[0] == 200
        assert (await gateway.asks(post("/FanOutWorker/run/send", JOB)))[0] == 202


async def test_a_connection_is_kept_until_its_next_answer(gateway: Running) -> None:
    client = await gateway.connect(HEALTH)
    assert "connection" not in (await client.answer())[1]
    async with draining(gateway):
        client.send(HEALTH)
        assert (await client.answer())[1]["connection"] == "close"
        assert await client.rest() == b""


async def test_nothing_of_this_is_logged_as_an_error(gateway: Running, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        waiting = [await gateway.connect(sent) for sent in (ATTACH, RUN)]
        await eventually(lambda: gateway.temporal.long_polls == 2)
        idle = await gateway.connect(HEALTH)
        await idle.answer()
        async with draining(gateway):
            for client in waiting:
                await client.answer()
                client.leave()
        assert await idle.rest() == b""
        await eventually(lambda: not gateway.server.server_state.connections)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_after_the_delay_the_listener_closes_and_requests_in_flight_end() -> None:
    held, done = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        held.set()
        await done.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})

    settings = SETTINGS.model_copy(update={"drain_delay": timedelta(seconds=0.1), "graceful_shutdown": LONG})
    async with serving(app, settings) as running, httpx2.AsyncClient(base_url=url_of(running), timeout=None) as http:
        asking = asyncio.create_task(http.get("/"))
        await held.wait()
        port = port_of(running)
        running.stop()
        try:
            await eventually(lambda: refuses(port))
            assert not asking.done()
        finally:
            done.set()
        answer = await asking
    assert (answer.status_code, answer.headers["connection"]) == (200, "close")


async def test_what_takes_longer_is_cut_off_with_an_answer_and_without_a_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await asyncio.Event().wait()

    settings = SETTINGS.model_copy(update={"graceful_shutdown": timedelta(seconds=0.1)})
    async with serving(app, settings) as running, httpx2.AsyncClient(base_url=url_of(running), timeout=60) as http:
        asking = asyncio.create_task(http.get("/"))
        await eventually(lambda: running.server_state.tasks)
        running.stop()
        answer = await asking
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:problem:shutting-down")
    [line] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert line.getMessage().startswith("stopping: 1 requests and 1 connections are cut off")
    assert line.exc_info is None


def url_of(running: Server) -> str:
    return f"http://{HOST}:{port_of(running)}"


async def refuses(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except ConnectionError:  # also one that was accepted as the listener closed
        return True
    writer.close()
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_begins_it_and_a_second_one_ends_it(number: signal.Signals, tmp_path: Path) -> None:
    with gateway_process(tmp_path, DRAIN_DELAY="10m") as (process, url):
        async with httpx2.AsyncClient(base_url=url, timeout=60) as http:

            async def drains() -> bool:
                answer = await http.get("/ready")
                return (answer.status_code, answer.json()) == (503, {"status": "draining"})

            process.send_signal(number)
            await eventually(drains)
        process.send_signal(number)
        assert process.wait(60) == 0


def test_on_loopback_it_does_not_wait_for_load_balancers(tmp_path: Path) -> None:
    with gateway_process(tmp_path) as (process, _):
        process.terminate()
        assert process.stderr is not None
        lines = process.stderr.read()
        assert process.wait(60) == 0
    assert "draining: serving on for 0 s" in lines


def test_on_other_addresses_it_waits_for_them() -> None:
    app = PlainTextResponse("served")
    assert server(app, Settings(), "0.0.0.0", Drain()).delay == DRAIN_DELAY
    assert server(app, Settings(drain_delay=timedelta(0)), "0.0.0.0", Drain()).delay == timedelta(0)


async def test_what_lasts_is_ended_when_it_begins(gateway: Running) -> None:
    called: list[str] = []
    gateway.drain.calls(lambda: called.append("once"))
    async with draining(gateway):
        gateway.drain.begin()
        assert called == ["once"]
