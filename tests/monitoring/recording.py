"""A meter whose values a test can read."""

from prometheus_client import CollectorRegistry, generate_latest

from api.http.meter import BufferedMetrics, metric_buffer
from infra import temporal
from tests.monitoring.promql import exposed


class Recording:
    """What is recorded on `meter`, as the gateway would expose it."""

    def __init__(self) -> None:
        buffer = metric_buffer()
        self.runtime = temporal.runtime(buffer)
        self._metrics = BufferedMetrics(self.runtime, buffer)
        self._registry = CollectorRegistry()
        self._registry.register(self._metrics)
        self.meter = self._metrics.meter

    @property
    def text(self) -> str:
        return generate_latest(self._registry).decode()

    def value(self, name: str, **labels: str) -> float | None:
        """None if there is no such series."""
        found = [each.value for each in exposed(self.text) if each.name == name and each.by_label == labels]
        return found[0] if found else None
