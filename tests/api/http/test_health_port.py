"""A port for probes alone, which no caller can fill, and which is there to the end."""

import signal
import socket
from pathlib import Path

import httpx2

from tests.api.http.processes import gateway_process
from tests.api.security.gateways import bearing, write_keys
from tests.eventually import eventually

HOST = "127.0.0.1"


async def test_it_answers_probes_while_the_gateway_is_full_of_connections(unused_tcp_port: int, tmp_path: Path) -> None:
    keys = write_keys(tmp_path / "keys.json", {"prometheus": {"roles": ["metrics"]}})
    variables = {
        "HEALTH_PORT": str(unused_tcp_port),
        "MAX_CONNECTIONS": "1",
        "API_KEYS_FILE": str(tmp_path / "keys.json"),
    }
    with gateway_process(tmp_path, **variables) as (_, url):
        port = httpx2.URL(url).port
        assert port is not None
        callers = [socket.create_connection((HOST, port), timeout=60) for _ in range(300)]
        async with httpx2.AsyncClient(base_url=f"http://{HOST}:{unused_tcp_port}", timeout=60) as http:
            assert (await http.get("/health")).json() == {"status": "ok"}

            async def misses_temporal() -> bool:  # "does not answer" on a busy machine: a check has 2 s
                ready = await http.get("/ready")
                return (ready.status_code, ready.json()["checks"]["temporal"]) == (503, "cannot be reached")

            await eventually(misses_temporal)
            assert (await http.get("/metrics")).status_code == 401
            assert "gateway_requests" in (await http.get("/metrics", headers=bearing(keys["prometheus"]))).text
            for path in ("/docs", "/invocations/x", "/UserFeed/a/processPost"):
                assert (await http.get(path, headers=bearing(keys["prometheus"]))).status_code == 404
        for caller in callers:
            caller.close()


async def test_it_is_there_until_the_last_request_has_ended(unused_tcp_port: int, tmp_path: Path) -> None:
    with gateway_process(tmp_path, HEALTH_PORT=str(unused_tcp_port), DRAIN_DELAY="0s", GRACEFUL_SHUTDOWN="10m") as (
        process,
        url,
    ):
        port = httpx2.URL(url).port
        assert port is not None
        with socket.create_connection((HOST, port), timeout=60) as slow:
            slow.sendall(b"POST /FanOutWorker/run HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n")
            slow.sendall(b"Content-Length: 100\r\nExpect: 100-continue\r\n\r\n")
            assert b" 100 " in slow.recv(1000)  # the request is being read
            process.send_signal(signal.SIGTERM)
            async with httpx2.AsyncClient(base_url=f"http://{HOST}:{unused_tcp_port}", timeout=60) as http:

                async def drains() -> bool:
                    return bool((await http.get("/ready")).json() == {"status": "draining"})

                await eventually(drains)
                assert (await http.get("/health")).status_code == 200
        assert process.wait(60) == 0
