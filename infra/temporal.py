"""Connections to Temporal: its standard configuration, our payload format."""

import logging
from datetime import timedelta

from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.runtime import LogForwardingConfig, LoggingConfig, PrometheusConfig, Runtime, TelemetryConfig
from temporalio.service import RetryConfig

from infra.payload_keys import KeyRing
from infra.payloads import data_converter

WORKER_RETRY_TIMEOUT = timedelta(seconds=10)
"""How long a call is retried while Temporal is unavailable. The worker's polling is retried indefinitely."""
GATEWAY_RETRY_TIMEOUT = timedelta(seconds=2)
"""Short, because a client waits for the answer and can retry itself."""


def runtime(metrics_address: str | None = None) -> Runtime:
    """The SDK's core, whose warnings go to Python's log; by itself it writes lines of its own form.

    `metrics_address` is where it serves metrics for Prometheus.
    """
    to_the_log = LogForwardingConfig(
        logger=logging.getLogger("temporalio.core"), append_target_to_name=False, prepend_target_on_message=False
    )
    return Runtime(
        telemetry=TelemetryConfig(
            logging=LoggingConfig(filter=LoggingConfig.default.filter, forwarding=to_the_log),
            metrics=PrometheusConfig(bind_address=metrics_address) if metrics_address else None,
        )
    )


async def connect_worker(max_payload_bytes: int, ring: KeyRing, runtime: Runtime | None) -> Client:
    """Connect now, or raise `RuntimeError`."""
    return await _connect(WORKER_RETRY_TIMEOUT, max_payload_bytes, ring, runtime=runtime, lazy=False)


async def connect_gateway(max_payload_bytes: int, ring: KeyRing) -> Client:
    """Connect with the first call, so that a gateway can start while Temporal is unavailable."""
    return await _connect(GATEWAY_RETRY_TIMEOUT, max_payload_bytes, ring, runtime=None, lazy=True)


async def _connect(
    retry_timeout: timedelta, max_payload_bytes: int, ring: KeyRing, *, runtime: Runtime | None, lazy: bool
) -> Client:
    """Connect as the `TEMPORAL_*` variables and profiles say; the default is `localhost:7233`."""
    config = ClientConfig.load_client_connect_config()
    config.setdefault("target_host", "localhost:7233")
    retries = RetryConfig(max_elapsed_time_millis=int(retry_timeout.total_seconds() * 1000))
    return await Client.connect(
        **config,
        data_converter=data_converter(max_payload_bytes, ring),
        runtime=runtime,
        lazy=lazy,
        retry_config=retries,
    )
