"""Connections to Temporal: its standard configuration, our payload format."""

import logging
import os
import re
import socket
from datetime import timedelta

from temporalio.client import Client
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    MetricBuffer,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
)
from temporalio.service import RetryConfig, TLSConfig

from domain.metrics import ALL, SECONDS, Histogram
from domain.version import identity
from infra.payload_keys import KeyRing
from infra.payloads import data_converter
from infra.temporal_connection import ConnectsInTime
from infra.tracing import spans

WORKER_RETRY_TIMEOUT = timedelta(seconds=10)
"""How long a call is retried while Temporal is unavailable. The worker's polling is retried indefinitely."""
GATEWAY_RETRY_TIMEOUT = timedelta(seconds=2)
"""Short, because a client waits for the answer and can retry itself."""

_ADDRESS = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")


def runtime(metrics: PrometheusConfig | MetricBuffer | None = None) -> Runtime:
    """The SDK's core, whose warnings go to Python's log; by itself it writes lines of its own form.

    `metrics` is where its metrics go, and what is recorded on its `metric_meter`. Raises `SystemExit` with a line if it
    cannot serve them.
    """
    to_the_log = LogForwardingConfig(
        logger=logging.getLogger("temporalio.core"), append_target_to_name=False, prepend_target_on_message=False
    )
    try:
        return Runtime(
            telemetry=TelemetryConfig(
                logging=LoggingConfig(filter=LoggingConfig.default.filter, forwarding=to_the_log),
                metrics=metrics,
                attach_service_name=False,  # it would be the SDK's name
            )
        )
    except (RuntimeError, ValueError) as error:
        address = metrics.bind_address if isinstance(metrics, PrometheusConfig) else ""
        raise SystemExit(f"WORKERS_METRICS_ADDRESS: cannot listen on {address!r}: {one_line(error)}.") from None


def metrics_endpoint(address: str) -> PrometheusConfig:
    """Serve metrics for Prometheus at `address`, durations in seconds."""
    buckets = {metric.name: SECONDS for metric in ALL.values() if isinstance(metric, Histogram)}
    return PrometheusConfig(bind_address=address, durations_as_seconds=True, histogram_bucket_overrides=buckets)


async def connect_worker(max_payload_bytes: int, ring: KeyRing, runtime: Runtime | None) -> Client:
    """Connect now, or raise `RuntimeError`. Temporal knows the process with its version: `GET /diagnosis` shows it."""
    process = identity(f"{os.getpid()}@{socket.gethostname()}")
    return await _connect(WORKER_RETRY_TIMEOUT, max_payload_bytes, ring, process, runtime=runtime, lazy=False)


async def connect_gateway(max_payload_bytes: int, ring: KeyRing) -> Client:
    """Connect with the first call, so that a gateway can start while Temporal is unavailable."""
    return await _connect(GATEWAY_RETRY_TIMEOUT, max_payload_bytes, ring, None, runtime=None, lazy=True)


async def _connect(
    retry_timeout: timedelta,
    max_payload_bytes: int,
    ring: KeyRing,
    identity: str | None,
    *,
    runtime: Runtime | None,
    lazy: bool,
) -> Client:
    """Connect as the `TEMPORAL_*` variables and profiles say; the default is `localhost:7233`."""
    config = _configured()
    retries = RetryConfig(max_elapsed_time_millis=int(retry_timeout.total_seconds() * 1000))
    return await Client.connect(
        **config,
        data_converter=data_converter(max_payload_bytes, ring),
        runtime=runtime,
        lazy=lazy,
        plugins=[ConnectsInTime()] if lazy else [],
        identity=identity,
        retry_config=retries,
        interceptors=spans.interceptors(),
    )


def _configured() -> ClientConnectConfig:
    """Raises `SystemExit` with a line."""
    try:
        config = ClientConfig.load_client_connect_config()
        config.setdefault("target_host", "localhost:7233")
        _must_be_usable(config)
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise SystemExit(
            f"Temporal's settings cannot be used: {one_line(error)}. They are TEMPORAL_ADDRESS, TEMPORAL_API_KEY, "
            "TEMPORAL_TLS_..., TEMPORAL_CONFIG_FILE, TEMPORAL_PROFILE and others (docs/production.md)."
        ) from None
    return config


def _must_be_usable(config: ClientConnectConfig) -> None:
    """Raises `ValueError` for what the SDK would refuse with a gateway's first call only."""
    address = _ADDRESS.fullmatch(config["target_host"])
    if address is None:
        raise ValueError(f"the address {config['target_host']!r} is not host:port")
    address["host"].encode().decode("idna")
    key, tls = config.get("api_key", ""), config.get("tls")
    if not (key.isascii() and key.isprintable()):
        raise ValueError("the API key has a line break, or another character that cannot be sent")
    if isinstance(tls, TLSConfig) and bool(tls.client_cert) is not bool(tls.client_private_key):
        raise ValueError("a certificate and its key go together")


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".")
