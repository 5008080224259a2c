"""The gateway's HTTP server, and how it stops: see `api.http.draining`."""

import asyncio
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from socket import socket

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.connections import WATCHED, BoundedConnection
from api.http.draining import Drain, LastAnswers
from api.http.problems import Problem
from api.security.authentication import is_loopback
from infra.settings import Settings

log = logging.getLogger("api")

DRAIN_DELAY = timedelta(seconds=5)
"""Unless the setting says another one: a load balancer asks `/ready` every few seconds."""
TICK_SECONDS = 0.1
CUT_OFF_SECONDS = 1.0
"""For requests that are cut off to send their answer."""


class Server(uvicorn.Server):
    """Serves until `stop`, and then drains."""

    def __init__(self, config: uvicorn.Config, drain: Drain, delay: timedelta, patience: timedelta) -> None:
        """Serve on for `delay`; then requests in flight have `patience` to end."""
        super().__init__(config)
        self._drain = drain
        self.delay = delay
        self._patience = patience

    def stop(self) -> None:
        """Begin to stop. A second call waits for nothing any more."""
        self.force_exit = self.should_exit
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn would raise a signal again at its end; `api.__main__` has handlers for the whole process."""
        yield

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        log.info("listening on http://%s:%d", f"[{host}]" if ":" in host else host, port)

    async def main_loop(self) -> None:
        await super().main_loop()
        self._drain.begin()
        log.info("draining: serving on for %g s, while /ready says so", self.delay.total_seconds())
        await self._wait(self.delay, lambda: False)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        self._drain.begin()  # it may be stopped before it has begun to serve
        for each in self.servers:
            each.close()
        for listener in sockets or ():
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()  # closes those without a request
        await asyncio.sleep(TICK_SECONDS)  # for those to end
        await self._wait(self._patience, self._is_idle)
        if not self._is_idle():
            await self._cut_off()
        await self.lifespan.shutdown()

    async def _wait(self, longest: timedelta, is_over: Callable[[], bool]) -> None:
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + longest.total_seconds()
        while not is_over() and not self.force_exit and (left := ends_at - loop.time()) > 0:
            await asyncio.sleep(min(TICK_SECONDS, left))
            await self.on_tick(0)  # sets the Date of answers

    def _is_idle(self) -> bool:
        return not self.server_state.connections and not self.server_state.tasks

    async def _cut_off(self) -> None:
        requests, connections = list(self.server_state.tasks), list(self.server_state.connections)
        log.warning(
            "stopping: %d requests and %d connections are cut off (GRACEFUL_SHUTDOWN)", len(requests), len(connections)
        )
        for request in requests:
            request.cancel()
        if requests:
            await asyncio.wait(requests, timeout=CUT_OFF_SECONDS)
        for connection in connections:
            connection.transport.close()


def server(app: ASGIApp, settings: Settings, host: str, drain: Drain) -> Server:
    """The server of `app`, for sockets that listen on `host`."""
    by_default = timedelta(0) if is_loopback(host) else DRAIN_DELAY
    delay = by_default if settings.drain_delay is None else settings.drain_delay
    config = uvicorn.Config(
        LastAnswers(app, drain),
        http=BoundedConnection,
        ws="none",
        limit_concurrency=settings.max_connections,
        timeout_keep_alive=math.ceil(settings.keep_alive.total_seconds()),
        log_config=None,
        access_log=False,
        server_header=False,
    )
    return Server(config, drain, delay, settings.graceful_shutdown)


class OnlyWatched:
    """Passes on to `app` what watches the gateway, for a port of its own. The same credentials are asked for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in WATCHED:
            await self._app(scope, receive, send)
            return
        detail = f"This port has {', '.join(sorted(WATCHED))} only."
        await Problem(404, "not-found", detail).response()(scope, receive, send)
