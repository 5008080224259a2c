"""Clients that are slow, hostile, many, or disconnected: each has limits, and the gateway keeps nothing of it."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import cast

import httpx2
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from api.http import connections
from api.http.heads import MAX_HEAD_BYTES
from infra.settings import Settings
from tests.api.http.running import (
    ATTACH,
    HEALTH,
    JOB,
    LAST_HEALTH,
    SETTINGS,
    Running,
    gateway_with,
    nothing_left,
    port_of,
    post,
    problem,
    serving,
)
from tests.eventually import eventually

CHUNKED = b"POST /FanOutWorker/run HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST_DOCS = LAST_HEALTH.replace(b"/health", b"/openapi.json")


@pytest.fixture
async def gateway() -> AsyncIterator[Running]:
    async with gateway_with(SETTINGS) as running:
        yield running


@pytest.fixture
async def hasty(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    """A gateway that waits 0.3 s for a head or a body: only for clients that are slower than that on purpose."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
    async with gateway_with(SETTINGS.model_copy(update={"body_timeout": timedelta(seconds=0.3)})) as running:
        yield running


class TestSlowClients:
    async def test_a_body_that_arrives_too_slowly_is_refused_with_408(self, hasty: Running) -> None:
        client = await hasty.connect()
        client.send(post("/FanOutWorker/run/send", b"", length=900))
        dripping = asyncio.create_task(client.drip(b" "))
        problem(await client.rest(), 408, "body-too-slow")
        await ended(dripping)
        assert hasty.temporal.started == []

    @pytest.mark.parametrize(
        "sent", [b"", b"GET /health HTTP/1.1\r\nX: ", b"POST /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"]
    )
    async def test_a_connection_without_a_whole_head_is_closed(self, hasty: Running, sent: bytes) -> None:
        client = await hasty.connect()
        client.send(sent)
        dripping = asyncio.create_task(client.drip(b"x"))
        await client.rest()
        await ended(dripping)
        await nothing_left(hasty)

    async def test_a_body_that_continues_after_its_answer_is_cut_off(self, hasty: Running) -> None:
        client = await hasty.connect()
        client.send(b"POST /nothing HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        dripping = asyncio.create_task(client.drip(b"1\r\nx\r\n"))
        problem(await client.rest(), 404, "not-found")
        await ended(dripping)

    async def test_an_answer_that_the_client_does_not_read_is_dropped(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
        async with serving(twenty_megabytes) as running:
            _, writer = await asyncio.open_connection("127.0.0.1", port_of(running), limit=1)
            cast(asyncio.ReadTransport, writer.transport).pause_reading()
            writer.write(HEALTH)
            await eventually(lambda: running.server_state.total_requests == 1)
            await eventually(lambda: not running.server_state.connections)
            writer.close()

    async def test_a_slow_reader_gets_the_whole_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connections, "HEAD_SECONDS", 1.0)
        async with serving(twenty_megabytes) as running:
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(running))
            writer.write(HEALTH)
            received = 0
            while received < 20_000_000:  # a part at a time, for some two seconds
                part = await reader.read(1_000_000)
                assert part, "cut off"
                received += len(part)
                await asyncio.sleep(0.025)
            writer.close()


async def twenty_megabytes(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 20_000_000})


class TestIdleConnections:
    async def test_one_is_kept_longer_than_a_head_may_take(self, hasty: Running) -> None:
        """Load balancers use a connection again after up to a minute."""
        reader, writer = await asyncio.open_connection("127.0.0.1", hasty.port)
        for _ in range(2):
            writer.write(HEALTH)
            assert b" 200 OK" in await reader.readuntil(b"\r\n\r\n")
            await reader.readuntil(b"}")
            await the_deadline_of_its_head(hasty)
        writer.write(b"GET /health HTTP/1.1\r\n")  # the head begins, and does not end
        assert await reader.read() == b""
        writer.close()

    async def test_one_is_closed_after_its_time(self) -> None:
        async with gateway_with(SETTINGS.model_copy(update={"keep_alive": timedelta(seconds=1)})) as running:
            client = await running.connect(HEALTH)
            assert b" 200 OK" in await client.rest()
            await nothing_left(running)

    def test_it_is_kept_longer_than_load_balancers_keep_theirs(self) -> None:
        assert Settings().keep_alive > timedelta(seconds=60)


async def the_deadline_of_its_head(gateway: Running) -> None:
    [connection] = gateway.server.server_state.connections
    deadline = cast(connections.BoundedConnection, connection)._deadline.when()
    await eventually(lambda: asyncio.get_running_loop().time() > deadline)


class TestManyConnections:
    async def test_beyond_the_limit_a_request_is_refused_with_503(self, gateway: Running) -> None:
        waiting = [await gateway.connect(ATTACH) for _ in range(40)]
        await eventually(lambda: gateway.temporal.long_polls == 40)
        answer = await gateway.says(LAST_DOCS)
        problem(answer, 503, "too-many-connections")
        assert b"retry-after: 2\r\n" in answer.lower()
        waiting.pop().leave()
        await eventually(lambda: gateway.temporal.long_polls == 39)
        assert b" 200 OK" in await gateway.says(LAST_DOCS)
        for client in waiting:
            client.leave()
        await nothing_left(gateway)

    async def test_a_full_gateway_answers_what_watches_it(self, gateway: Running) -> None:
        waiting = [await gateway.connect(ATTACH) for _ in range(40)]
        await eventually(lambda: gateway.temporal.long_polls == 40)
        assert b" 200 OK" in await gateway.says(LAST_HEALTH)
        assert b"gateway_requests_in_flight 41.0" in await gateway.says(LAST_HEALTH.replace(b"/health", b"/metrics"))
        for client in waiting:
            client.leave()
        await nothing_left(gateway)

    @pytest.mark.parametrize(("path", "status"), [("/health", 200), ("/ready", 200), ("/metrics", 200), ("/docs", 503)])
    async def test_over_the_limit_there_are_answers_for_probes_only(self, path: str, status: int) -> None:
        async with serving(PlainTextResponse("served"), SETTINGS.model_copy(update={"max_connections": 1})) as running:
            _, first = await asyncio.open_connection("127.0.0.1", port_of(running))
            await eventually(lambda: running.server_state.connections)
            async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port_of(running)}", timeout=60) as http:
                for _ in range(3):
                    assert (await http.get(path)).status_code == status
            first.close()

    async def test_far_beyond_the_limit_a_connection_is_closed(
        self, gateway: Running, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(connections, "MAX_REFUSED", 0)
        waiting = [await gateway.connect(ATTACH) for _ in range(40)]
        await eventually(lambda: gateway.temporal.long_polls == 40)
        assert await gateway.says(b"") == b""
        for client in waiting:
            client.leave()

    async def test_idle_connections_are_closed_and_others_accepted(self, hasty: Running) -> None:
        idle = [await hasty.connect() for _ in range(45)]
        await nothing_left(hasty)
        assert b" 200 OK" in await hasty.says(LAST_HEALTH)
        for client in idle:
            client.leave()


class TestDisconnecting:
    async def test_a_wait_whose_client_disconnects_is_cleaned_up(self, gateway: Running) -> None:
        before = len(asyncio.all_tasks())
        for _ in range(3):
            clients = [await gateway.connect(ATTACH) for _ in range(40)]
            await eventually(lambda: gateway.temporal.long_polls == 40)
            for client in clients:
                client.leave()
            await nothing_left(gateway)
        await eventually(lambda: len(asyncio.all_tasks()) <= before)

    async def test_half_a_close_is_a_disconnect(self, gateway: Running) -> None:
        client = await gateway.connect()
        client.send(ATTACH)
        await eventually(lambda: gateway.temporal.long_polls == 1)
        client.writer.write_eof()
        assert await client.rest() == b""
        await nothing_left(gateway)

    async def test_a_request_sent_ahead_does_not_hide_a_disconnect(self, gateway: Running) -> None:
        client = await gateway.connect()
        client.send(ATTACH + ATTACH)
        await eventually(lambda: gateway.temporal.long_polls == 1)
        client.leave()
        await nothing_left(gateway)

    async def test_a_client_that_sends_too_much_ahead_is_disconnected(self, gateway: Running) -> None:
        client = await gateway.connect()
        client.send(ATTACH + HEALTH * 5_000)
        assert await client.rest() == b""
        await nothing_left(gateway)

    async def test_requests_sent_ahead_are_answered_in_order(self, gateway: Running) -> None:
        answers = await gateway.says(HEALTH + b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n" + LAST_HEALTH)
        assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"200", b"404", b"200"]

    async def test_a_request_that_was_read_is_submitted_despite_a_disconnect(self, gateway: Running) -> None:
        gateway.temporal.may_start.clear()
        client = await gateway.connect()
        client.send(post("/FanOutWorker/run", JOB))
        await gateway.temporal.starting.wait()
        client.leave()
        await eventually(lambda: not gateway.server.server_state.connections)
        gateway.temporal.may_start.set()
        await eventually(lambda: len(gateway.temporal.started) == 1)
        await nothing_left(gateway)

    async def test_a_disconnect_within_a_body_is_not_logged_as_an_error(
        self, gateway: Running, caplog: pytest.LogCaptureFixture
    ) -> None:
        client = await gateway.connect()
        client.send(post("/FanOutWorker/run", JOB, length=900))
        await eventually(lambda: gateway.server.server_state.tasks)
        client.leave()
        await nothing_left(gateway)
        assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


class TestWhatIsNotHttp:
    @pytest.mark.parametrize(
        ("sent", "status"),
        [
            (b"nonsense\r\n\r\n", 400),
            (b"GET /health HTTP/1.1\r\n\r\n", 400),
            (b"GET /h\xc3\xa4lth HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
            (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n", 400),
            (b"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
            (b"POST /FanOutWorker/run HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
            (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20_000, 431),
            (b"GET /" + b"x" * 20_000, 431),
            (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", 431),
            (b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"X: x\r\n" * 10_000 + b"\r\n", 431),
            (b"GET /health?" + b"x" * 60_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 431),
            (CHUNKED + b"0\r\n" + b"X: x\r\n" * 10_000 + b"\r\n", 431),
            (CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n") + b"0\r\n\r\n", 400),
            (CHUNKED.replace(b"/FanOutWorker/run", b"/nothing") + b"zz\r\n", 400),
            (CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0") + b"0\r\n\r\n", 400),
        ],
    )
    async def test_it_is_refused_with_a_problem_document(
        self, gateway: Running, sent: bytes, status: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        problem(await gateway.says(sent), status, "malformed-request")
        await nothing_left(gateway)
        assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []

    @pytest.mark.parametrize("first", [b"", HEALTH, CHUNKED.replace(b"/FanOutWorker/run", b"/nothing") + b"0\r\n\r\n"])
    async def test_a_head_of_16_kib_is_read_and_a_byte_more_is_refused(self, gateway: Running, first: bytes) -> None:
        empty = LAST_HEALTH.replace(b"\r\n\r\n", b"\r\nX: \r\n\r\n")
        longest = empty.replace(b"X: ", b"X: " + b"x" * (MAX_HEAD_BYTES - len(empty)))
        assert re.findall(rb"HTTP/1.1 (\d+)", await gateway.says(first + longest))[-1] == b"200"
        assert (
            re.findall(rb"HTTP/1.1 (\d+)", await gateway.says(first + longest.replace(b"X: ", b"X: x")))[-1] == b"431"
        )

    async def test_invalid_data_after_an_answer_closes_the_connection(
        self, gateway: Running, caplog: pytest.LogCaptureFixture
    ) -> None:
        client = await gateway.connect()
        client.send(b"POST /nothing HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        await client.reader.readuntil(b"\r\n\r\n")
        client.send(b"zz\r\n")
        await client.rest()
        assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []

    async def test_an_unknown_method_is_not_a_label_of_its_own(self, gateway: Running) -> None:
        await gateway.says(b"BREW /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.port}", timeout=60) as http:
            metrics = (await http.get("/metrics")).text
        assert 'method="other"' in metrics
        assert "BREW" not in metrics

    async def test_a_client_may_ask_whether_to_send_its_body(self, gateway: Running) -> None:
        client = await gateway.connect()
        asking = post("/FanOutWorker/run/send", b"", length=len(JOB)).replace(
            b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"
        )
        client.send(asking)
        assert b" 100 " in await client.reader.readuntil(b"\r\n\r\n")
        client.send(JOB)
        assert b" 202 " in await client.reader.readuntil(b"\r\n\r\n")
        client.leave()

    async def test_a_body_that_is_too_large_is_not_asked_for(self, gateway: Running) -> None:
        asking = post("/FanOutWorker/run/send", b"", length=5_000).replace(
            b"\r\n\r\n", b"\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
        )
        problem(await gateway.says(asking), 413, "body-too-large")


async def ended(dripping: "asyncio.Task[None]") -> None:
    with pytest.raises((ConnectionError, BrokenPipeError)):
        await asyncio.wait_for(dripping, 60)
