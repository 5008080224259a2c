"""A first connection to Temporal that has a limit.

A lazy client of the SDK connects with its first call. A server that takes the connection and does not answer keeps that
call for 30 s, whatever `connect_timeout` says, and each later call waits for 30 s of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from temporalio.api.workflowservice.v1 import GetSystemInfoRequest
from temporalio.client import ClientConfig, Plugin
from temporalio.service import ConnectConfig, RPCError, RPCStatusCode, ServiceClient, _BridgeServiceClient

CONNECT_SECONDS = 5.0


class ConnectsInTime(Plugin):
    """Calls of an unconnected client wait for one attempt to connect, at most `CONNECT_SECONDS`.

    They raise `RPCError` with UNAVAILABLE if it fails; the next call begins another attempt.
    """

    def configure_client(self, config: ClientConfig) -> ClientConfig:
        return config

    async def connect_service_client(
        self, config: ConnectConfig, next: Callable[[ConnectConfig], Awaitable[ServiceClient]]
    ) -> ServiceClient:
        return _ConnectsInTime(await next(config))


class _ConnectsInTime(ServiceClient):
    def __init__(self, client: ServiceClient) -> None:
        super().__init__(client.config)
        self._client = client
        self._is_connected = False
        self._attempt: asyncio.Task[None] | None = None

    async def _rpc_call(self, *call: Any, **options: Any) -> Any:
        if not self._is_connected:
            await self._shared_attempt()
        return await self._client._rpc_call(*call, **options)

    async def _shared_attempt(self) -> None:
        if self._attempt is None or self._attempt.done():
            self._attempt = asyncio.create_task(self._connect())
        await asyncio.shield(self._attempt)

    async def _connect(self) -> None:
        """Ask anything, since the SDK has no call that only connects: a refusal of the server is an answer, too."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                with suppress(RPCError):
                    await self._client.workflow_service.get_system_info(GetSystemInfoRequest())
        except TimeoutError:
            raise _unavailable(f"no answer to a first call within {CONNECT_SECONDS:g} s") from None
        except RuntimeError as error:
            raise _unavailable(str(error)) from None
        self._is_connected = True

    @property
    def worker_service_client(self) -> _BridgeServiceClient:
        return self._client.worker_service_client

    def update_rpc_metadata(self, metadata: Mapping[str, str | bytes]) -> None:
        self._client.update_rpc_metadata(metadata)

    def update_api_key(self, api_key: str | None) -> None:
        self._client.update_api_key(api_key)


def _unavailable(reason: str) -> RPCError:
    return RPCError(reason, RPCStatusCode.UNAVAILABLE, b"")
