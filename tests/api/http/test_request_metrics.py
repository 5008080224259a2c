"""What the gateway counts of requests."""

import httpx2
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from api.http import problems
from api.http.answers import ObservedAnswers
from api.http.metrics import RequestMetrics


async def test_an_unexpected_error_counts_as_500_and_not_as_a_client_that_disconnected() -> None:
    registry = CollectorRegistry()
    app = FastAPI()
    app.add_middleware(ObservedAnswers, observers=[RequestMetrics(registry)])
    problems.install(app)

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("broken")

    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as http:
        assert (await http.get("/broken")).status_code == 500
    labels = {"route": "/broken", "method": "GET"}
    assert registry.get_sample_value("gateway_requests_total", {**labels, "status": "500"}) == 1
    assert registry.get_sample_value("gateway_requests_total", {**labels, "status": "499"}) is None
