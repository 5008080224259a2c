"""What is recorded on the meter of the SDK's runtime, by the SDK and by this application, for the gateway's `/metrics`.

The SDK can serve its metrics at a port of its own, as it does in workers. The gateway has one port, which asks for
credentials, so the SDK keeps its updates in a buffer, and they are added up here.
"""

import asyncio
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import INF
from temporalio.common import MetricMeter
from temporalio.runtime import (
    BUFFERED_METRIC_KIND_COUNTER,
    BUFFERED_METRIC_KIND_HISTOGRAM,
    BufferedMetric,
    MetricBuffer,
    MetricBufferDurationFormat,
    Runtime,
)

from domain.metrics import SECONDS

BUFFERED_UPDATES = 100_000
"""What the SDK keeps between two drains; it drops more. A call to Temporal makes two or three updates."""
DRAIN_SECONDS = 1.0

Labels = tuple[tuple[str, str | int | float | bool], ...]


def metric_buffer() -> MetricBuffer:
    return MetricBuffer(BUFFERED_UPDATES, MetricBufferDurationFormat.SECONDS)


class BufferedMetrics(Collector):
    """Adds up the updates in `buffer`, under the names and labels that the SDK would expose by itself."""

    def __init__(self, runtime: Runtime, buffer: MetricBuffer) -> None:
        self.meter: MetricMeter = runtime.metric_meter
        self._buffer = buffer
        self._families: dict[str, _Family] = {}

    async def drain_regularly(self) -> None:
        """Until cancelled: scrapes may come too seldom for the buffer, or not at all."""
        while True:
            self.drain()
            await asyncio.sleep(DRAIN_SECONDS)

    def drain(self) -> None:
        for update in self._buffer.retrieve_updates():
            family = self._families.get(update.metric.name)
            if family is None:
                family = self._families[update.metric.name] = _family(update.metric)
            family.add(tuple(sorted(update.attributes.items())), update.value)

    def collect(self) -> Iterator[Metric]:
        self.drain()
        for family in self._families.values():
            yield family.exposed()


class _Family:
    """One metric and its values by labels; a gauge, whose value is the last one."""

    kind = "gauge"

    def __init__(self, name: str, description: str) -> None:
        self._name = name
        self._description = description
        self._values: defaultdict[Labels, float] = defaultdict(float)

    def add(self, labels: Labels, value: float) -> None:
        self._values[labels] = value

    def exposed(self) -> Metric:
        metric = Metric(
            self._name.removesuffix("_total") if self.kind == "counter" else self._name, self._description, self.kind
        )
        for labels, value in self._values.items():
            metric.add_sample(self._name, _text(labels), value)
        return metric


class _Counter(_Family):
    """Updates are what it rises by."""

    kind = "counter"

    def add(self, labels: Labels, value: float) -> None:
        self._values[labels] += value


class _UntypedCounter(_Counter):
    """`prometheus_client` gives each counter the suffix `_total`, which the SDK's own counters do not have."""

    kind = "unknown"


class _Histogram(_Family):
    kind = "histogram"

    def __init__(self, name: str, description: str) -> None:
        super().__init__(name, description)
        self._counts: defaultdict[Labels, list[int]] = defaultdict(lambda: [0] * (len(SECONDS) + 1))

    def add(self, labels: Labels, value: float) -> None:
        self._values[labels] += value
        self._counts[labels][bisect_left(SECONDS, value)] += 1

    def exposed(self) -> Metric:
        metric = Metric(self._name, self._description, self.kind)
        for labels, counts in self._counts.items():
            text, total = _text(labels), 0
            for bound, count in zip((*SECONDS, INF), counts, strict=True):
                total += count
                metric.add_sample(
                    f"{self._name}_bucket", {**text, "le": "+Inf" if bound == INF else f"{bound:g}"}, total
                )
            metric.add_sample(f"{self._name}_count", text, total)
            metric.add_sample(f"{self._name}_sum", text, self._values[labels])
        return metric


def _family(metric: BufferedMetric) -> _Family:
    kind: type[_Family] = _Family
    if metric.kind == BUFFERED_METRIC_KIND_HISTOGRAM:
        kind = _Histogram
    elif metric.kind == BUFFERED_METRIC_KIND_COUNTER:
        kind = _Counter if metric.name.endswith("_total") else _UntypedCounter
    return kind(metric.name, metric.description or "")


def _text(labels: Labels) -> dict[str, str]:
    return {name: str(value) for name, value in labels}
