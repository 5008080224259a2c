"""Connections to addresses that were checked: a name is resolved once, and the connection is made to that address."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from functools import cache
from typing import Any, TypeAlias

import httpcore2
import httpx2

from domain.message_queue import TaskRejected
from infra.http_hosts import AllowedHosts, read_address

MAX_ADDRESSES = 4
"""Addresses of one host that are tried, one after the other."""

Resolve: TypeAlias = Callable[[str, int], Awaitable[list[str]]]


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, the best one first. Raises `OSError`."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class CheckedNetwork(httpcore2.AsyncNetworkBackend):
    """Connects to the addresses of a host that `allowed` lets through. TLS still checks the host's name."""

    def __init__(self, allowed: AllowedHosts, resolve: Resolve = resolve) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface of httpcore2
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Raises `TaskRejected` for a host without an allowed address, `httpcore2.ConnectError`, `ConnectTimeout`."""
        addresses = await self._addresses(host, port)
        share = timeout / len(addresses) if timeout else None
        for address in addresses[:-1]:
            try:
                return await self._inner.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return await self._inner.connect_tcp(addresses[-1], port, share, local_address, socket_options)

    async def _addresses(self, host: str, port: int) -> list[str]:
        try:
            resolved = await self._resolve(host, port)
        except (OSError, UnicodeError):  # UnicodeError: a name that DNS cannot have
            raise httpcore2.ConnectError(f"{host} has no address") from None
        allowed = [each for each in resolved if self._allowed.allow_address(host, port, read_address(each))]
        if not allowed:
            raise TaskRejected(
                f"The host {host} resolves to addresses that are not public. If tasks may go there, name it with its "
                f"port in HTTP_TASK_ALLOWED_HOSTS ({host}:{port}), or its network in HTTP_TASK_ALLOWED_NETWORKS."
            )
        return allowed[:MAX_ADDRESSES]

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@cache
def _verifying() -> ssl.SSLContext:
    """Shared by all senders of a process: it reads every certificate authority, which takes 20 ms."""
    return httpx2.create_ssl_context(trust_env=False)


class CheckedTransport(httpx2.AsyncHTTPTransport):
    """httpx2's transport over a `CheckedNetwork`; httpx2 itself takes no network."""

    def __init__(self, network: CheckedNetwork, max_connections: int) -> None:
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=_verifying(),
            max_connections=max_connections,
            max_keepalive_connections=20,
            keepalive_expiry=5.0,
            network_backend=network,
        )
