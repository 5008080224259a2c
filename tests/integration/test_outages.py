"""Servers go away and come back; the gateway says so, and is well again without a restart."""

from pathlib import Path

import httpx

from devstack.stack import Stack
from tests.conftest import STACK_SETTINGS
from tests.eventually import eventually


async def test_without_temporal_the_gateway_answers_503_and_recovers(tmp_path: Path) -> None:
    with (tmp_path / "log.txt").open("w") as log:
        stack = Stack.on_free_ports(
            tmp_path / "data", STACK_SETTINGS, lambda name, line: print(f"{name:8} {line}", file=log, flush=True)
        )
        async with stack, httpx.AsyncClient(base_url=stack.gateway_url, timeout=60) as http:
            before = await http.post("/PackageTracker/p1/registerPackage", json={"finalDestination": "Amsterdam"})
            assert before.status_code == 200
            await stack.processes.stop("temporal")
            for method, path, body in (
                ("POST", "/FanOutWorker/run", {"description": "a"}),
                ("POST", "/PackageTracker/p1/updateLocation/send", {"timestamp": "2024-10-10", "location": "Paris"}),
                ("GET", "/PackageTracker/p1/getPackageInfo", None),
            ):
                away = await http.request(method, path, json=body)
                assert away.status_code == 503, (path, away.text)
                assert away.json()["type"] == "urn:problem:temporal-unavailable"
                assert int(away.headers["retry-after"]) > 0
            assert (await http.get("/ready")).status_code == 503
            assert (await http.get("/health")).status_code == 200
            await stack.processes.start("temporal")

            async def well_again() -> bool:
                answer = await http.post("/FanOutWorker/run", json={"description": "a"})
                return answer.status_code == 200

            await eventually(well_again)
            after = await http.get("/PackageTracker/p1/getPackageInfo")
            assert after.json()["finalDestination"] == "Amsterdam"
