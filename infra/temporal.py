"""Connections to Temporal: its standard configuration, our payload format."""

from datetime import timedelta

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig
from temporalio.runtime import Runtime
from temporalio.service import RetryConfig

WORKER_PATIENCE = timedelta(seconds=10)
"""How long a call is retried while Temporal is away; the worker's own polling never gives up."""
GATEWAY_PATIENCE = timedelta(seconds=2)
"""A client is waiting: it learns soon that it has to try again."""


async def connect_worker(runtime: Runtime | None) -> Client:
    """Connect now, or raise `RuntimeError`."""
    return await _connect(WORKER_PATIENCE, runtime=runtime, lazy=False)


async def connect_gateway() -> Client:
    """Connect with the first call, so that a gateway starts while Temporal is away."""
    return await _connect(GATEWAY_PATIENCE, runtime=None, lazy=True)


async def _connect(patience: timedelta, *, runtime: Runtime | None, lazy: bool) -> Client:
    """Connect as `TEMPORAL_*` variables and profiles say; to `localhost:7233` when they say nothing."""
    config = ClientConfig.load_client_connect_config()
    config.setdefault("target_host", "localhost:7233")
    retries = RetryConfig(max_elapsed_time_millis=int(patience.total_seconds() * 1000))
    return await Client.connect(
        **config, data_converter=pydantic_data_converter, runtime=runtime, lazy=lazy, retry_config=retries
    )
