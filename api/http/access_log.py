"""The access log: one line per request, with the route's path instead of the request's, which has keys in it."""

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.connections import WATCHED
from api.http.metrics import METHODS
from infra.log_lines import FIELDS

log = logging.getLogger("api.access")


class AccessLog:
    """Middleware that logs each request when its answer has been sent; those of probes and Prometheus at `debug`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        level = logging.DEBUG if scope.get("path") in WATCHED else logging.INFO
        if scope["type"] != "http" or not log.isEnabledFor(level):
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 499  # the client disconnected before the answer

        async def observe(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, observe)
        except Exception:
            status = 500  # answered outside of all middleware
            raise
        finally:
            _write(level, scope, status, time.perf_counter() - started)


def _write(level: int, scope: Scope, status: int, seconds: float) -> None:
    about = {
        "method": scope["method"] if scope["method"] in METHODS else "other",
        "route": getattr(scope.get("route"), "path", "unknown"),
        "status": status,
        "duration_ms": round(seconds * 1000, 1),
    }
    log.log(level, "%(method)s %(route)s %(status)d in %(duration_ms)g ms", about, extra={FIELDS: about})
