"""`/health` and `/ready` on a port of their own, where no caller can be in their way.

`/health` is liveness: the process answers. It depends on no other server, since a restart would not bring that back.
`/ready` is readiness: the process can do its work, and if it cannot, why.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from socket import socket

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from infra.listening import listen
from infra.readiness import Readiness
from infra.settings import Settings

MAX_CONNECTIONS = 100
RETRY = {"Retry-After": "2"}
ALIVE = {"status": "ok"}


def health_application(readiness: Readiness) -> ASGIApp:
    """The two paths, for a process that serves nothing else."""

    async def health(_: Request) -> JSONResponse:
        return JSONResponse(ALIVE)

    async def ready(_: Request) -> JSONResponse:
        return await readiness_response(readiness)

    return Starlette(routes=[Route("/health", health), Route("/ready", ready)])


async def readiness_response(readiness: Readiness) -> JSONResponse:
    """200 if the process is ready, otherwise 503."""
    is_ready, document = await readiness.document()
    return JSONResponse(document) if is_ready else JSONResponse(document, 503, RETRY)


@asynccontextmanager
async def health_server(application: ASGIApp, settings: Settings) -> AsyncIterator[None]:
    """Serve `application` on `HEALTH_PORT`, if that is set, until the body ends. Raises `SystemExit` with a line."""
    if not settings.health_port:
        yield
        return
    async with served(application, listen(settings.health_host, settings.health_port, "HEALTH_HOST, HEALTH_PORT")):
        yield


@asynccontextmanager
async def served(application: ASGIApp, listening: list[socket]) -> AsyncIterator[None]:
    """Serve `application` on these sockets until the body ends, in a process that does something else."""
    config = uvicorn.Config(
        application,
        lifespan="off",
        http="h11",
        ws="none",
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=1,
        log_config=None,
        access_log=False,
        server_header=False,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(listening))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The process has its own handlers."""
        yield
