"""The gateway's metrics: those of its requests and its process."""

import asyncio

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

from api.http.answers import Answered
from domain.metrics import GATEWAY_TASKS, REQUEST_SECONDS, REQUESTS, REQUESTS_IN_FLIGHT, SECONDS


def process_metrics() -> CollectorRegistry:
    """A registry with the process's open files, memory and processor time (on Linux), and its asyncio tasks."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # each would be one more series, which nothing reads
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    tasks = Gauge(GATEWAY_TASKS.name, GATEWAY_TASKS.meaning, registry=registry)
    tasks.set_function(lambda: len(asyncio.all_tasks()))
    return registry


class RequestMetrics:
    """Counts every request under its route's path, so that keys never become labels."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(REQUESTS.name, REQUESTS.meaning, REQUESTS.labels, registry=registry)
        self._seconds = Histogram(
            REQUEST_SECONDS.name, REQUEST_SECONDS.meaning, REQUEST_SECONDS.labels, buckets=SECONDS, registry=registry
        )
        self._in_flight = Gauge(REQUESTS_IN_FLIGHT.name, REQUESTS_IN_FLIGHT.meaning, registry=registry)

    def began(self) -> None:
        self._in_flight.inc()

    def ended(self, answered: Answered) -> None:
        self._in_flight.dec()
        self._requests.labels(answered.route, answered.method, answered.status).inc()
        self._seconds.labels(answered.route).observe(answered.seconds)
