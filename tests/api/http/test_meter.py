"""The gateway exposes what is recorded on the SDK's meter as the SDK exposes it in workers."""

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families
from temporalio.common import MetricMeter

from domain.metrics import POOL_WAIT_SECONDS, RECEIVED, REMINDERS, STALLED_SECONDS
from infra import temporal
from tests.monitoring.promql import exposed
from tests.monitoring.recording import Recording


def record(meter: MetricMeter) -> None:
    """Every kind, some values twice."""
    for value in (3, 4):
        RECEIVED.count(meter, value, subscription="a")
    RECEIVED.count(meter, 0, subscription="b")
    REMINDERS.count(meter.with_additional_attributes({"namespace": "default"}), outcome="sent")
    meter.create_counter("temporal_request", "Without a suffix, as the SDK's own").add(1, {"operation": "x"})
    for seconds in (2.5, 0.0):
        STALLED_SECONDS.on(meter).set(seconds, {"subscription": "a"})
    for seconds in (0.001, 0.005, 0.2, 100.0):
        POOL_WAIT_SECONDS.on(meter).record(seconds)


async def test_names_labels_and_values_are_those_of_the_sdks_endpoint(unused_tcp_port: int) -> None:
    address = f"127.0.0.1:{unused_tcp_port}"
    recording, runtime = Recording(), temporal.runtime(temporal.metrics_endpoint(address))
    record(recording.meter)
    record(runtime.metric_meter)
    async with httpx2.AsyncClient(timeout=60) as http:
        served = (await http.get(f"http://{address}/metrics")).text
    ours = {each: each.value for each in exposed(recording.text)}
    assert ours == {each: each.value for each in exposed(served)}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ingress_records_received", "counter"),
        ("temporal_request", "unknown"),
        ("ingress_stalled_seconds", "gauge"),
        ("database_pool_wait_seconds", "histogram"),
    ],
)
def test_prometheus_client_can_read_it(name: str, kind: str) -> None:
    recording = Recording()
    record(recording.meter)
    kinds = {family.name: family.type for family in text_string_to_metric_families(recording.text)}
    assert kinds[name] == kind
