"""Metrics: requests by route, method and status, latencies by route, and the process's resources."""

import asyncio
import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})


def process_metrics() -> CollectorRegistry:
    """A registry with the process's open files, memory and processor time (on Linux), and its asyncio tasks."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    tasks = Gauge("gateway_asyncio_tasks", "Tasks of the event loop.", registry=registry)
    tasks.set_function(lambda: len(asyncio.all_tasks()))
    return registry


class MetricsMiddleware:
    """Counts every request under its route's path, so that keys never become labels."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._requests = Counter(
            "gateway_requests", "Requests answered.", ["route", "method", "status"], registry=registry
        )
        self._seconds = Histogram("gateway_request_seconds", "Time to the answer.", ["route"], registry=registry)
        self._in_flight = Gauge("gateway_requests_in_flight", "Requests not answered yet.", registry=registry)

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
