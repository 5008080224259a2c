"""The gateway's metrics: those of its requests and its process."""

import asyncio
import time

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.metrics import GATEWAY_TASKS, REQUEST_SECONDS, REQUESTS, REQUESTS_IN_FLIGHT, SECONDS

METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})


def process_metrics() -> CollectorRegistry:
    """A registry with the process's open files, memory and processor time (on Linux), and its asyncio tasks."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # each would be one more series, which nothing reads
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    tasks = Gauge(GATEWAY_TASKS.name, GATEWAY_TASKS.meaning, registry=registry)
    tasks.set_function(lambda: len(asyncio.all_tasks()))
    return registry


class MetricsMiddleware:
    """Counts every request under its route's path, so that keys never become labels."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._requests = Counter(REQUESTS.name, REQUESTS.meaning, REQUESTS.labels, registry=registry)
        self._seconds = Histogram(
            REQUEST_SECONDS.name, REQUEST_SECONDS.meaning, REQUEST_SECONDS.labels, buckets=SECONDS, registry=registry
        )
        self._in_flight = Gauge(REQUESTS_IN_FLIGHT.name, REQUESTS_IN_FLIGHT.meaning, registry=registry)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 499  # the client disconnected before the answer

        async def observe(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._in_flight.inc()
        try:
            await self._app(scope, receive, observe)
        except Exception:
            status = 500  # answered outside of all middleware
            raise
        finally:
            self._in_flight.dec()
            # A client may send any method: each unknown one would become a label of its own.
            method = scope["method"] if scope["method"] in METHODS else "other"
            route = getattr(scope.get("route"), "path", "unknown")
            self._requests.labels(route, method, status).inc()
            self._seconds.labels(route).observe(time.perf_counter() - started)
