"""Connections to Temporal: its standard configuration, our payload format."""

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig
from temporalio.runtime import Runtime


async def connect(*, runtime: Runtime | None = None, lazy: bool = False) -> Client:
    """Connect as `TEMPORAL_*` variables and profiles say; `localhost:7233` when they say nothing.

    A lazy client connects with its first call, so that a gateway starts while Temporal is away.
    """
    config = ClientConfig.load_client_connect_config()
    config.setdefault("target_host", "localhost:7233")
    return await Client.connect(**config, data_converter=pydantic_data_converter, runtime=runtime, lazy=lazy)
