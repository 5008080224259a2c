"""A Prometheus that scrapes a stack, by default every second, with the alert rules made quick."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from devstack.ports import HOST, claim_ports
from tests.eventually import eventually
from tests.monitoring.rules import quick

WINDOW = "10s"
MISSING = "prometheus is missing: apt-get install prometheus"
needs_prometheus = pytest.mark.skipif(shutil.which("prometheus") is None, reason=MISSING)


class Prometheus:
    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that the expression has now. Raises `AssertionError` with Prometheus' reason."""
        return await self._found("query", query=expression)

    async def query_range(
        self, expression: str, began: float, ended: float, step_seconds: float
    ) -> list[dict[str, Any]]:
        """The series of the expression with their values in a span of time (Unix seconds). Raises `AssertionError`."""
        span = {"start": str(began), "end": str(ended), "step": str(step_seconds)}
        return await self._found("query_range", query=expression, **span)

    async def _found(self, kind: str, **parameters: str) -> list[dict[str, Any]]:
        answer = (await self._http.get(f"/api/v1/{kind}", params=parameters)).json()
        assert answer["status"] == "success", answer
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    async def fires(self, alert: str) -> bool:
        return bool(await self.query(f'ALERTS{{alertname="{alert}",alertstate="firing"}}'))

    async def begins_to_fire(self, alert: str) -> None:
        async def fires() -> bool:
            return await self.fires(alert)

        await eventually(fires)

    async def is_quiet(self, alert: str) -> None:
        """Wait until the alert does not fire: its cause has gone, and the window that it looks back."""

        async def is_quiet() -> bool:
            return not await self.fires(alert)

        await eventually(is_quiet)


@asynccontextmanager
async def running_prometheus(
    folder: Path, targets: Mapping[str, str], scrape_seconds: int = 1
) -> AsyncIterator[Prometheus]:
    """`targets` are addresses by job."""
    program = shutil.which("prometheus")
    assert program, MISSING
    [port] = claim_ports(1)
    config, rules = folder / "prometheus.yml", folder / "rules.yml"
    rules.write_text(yaml.safe_dump(quick(WINDOW)))
    jobs = [{"job_name": job, "static_configs": [{"targets": [address]}]} for job, address in targets.items()]
    intervals = dict.fromkeys(("scrape_interval", "scrape_timeout", "evaluation_interval"), f"{scrape_seconds}s")
    config.write_text(yaml.safe_dump({"global": intervals, "rule_files": [str(rules)], "scrape_configs": jobs}))
    with (folder / "prometheus.log").open("w") as log:
        process = await asyncio.create_subprocess_exec(
            program,
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address={HOST}:{port}",
            stdout=log,
            stderr=log,
        )
        try:
            async with httpx2.AsyncClient(base_url=f"http://{HOST}:{port}", timeout=30) as http:

                async def is_ready() -> bool:
                    try:
                        return (await http.get("/-/ready")).is_success
                    except httpx2.TransportError:
                        return False

                await eventually(is_ready)
                yield Prometheus(http)
        finally:
            process.kill()
            await process.wait()
