"""Limits on connections: how slowly a request may arrive, how many there are, how much is sent before an answer.

uvicorn closes a connection that is idle between two requests (`KEEP_ALIVE`); this module adds the rest, and `heads`
what a head may be.
"""

import asyncio
import logging
import resource
import sys
from http import HTTPStatus
from typing import Any

import h11
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.http.heads import StrictConnection
from api.http.problems import RETRY, Problem

log = logging.getLogger("api")

HEAD_SECONDS = 10.0
"""From the connection, or the first byte of a further request, to the end of a request's head.

The same limit applies to a client that stops reading an answer."""
REFUSED_SECONDS = 1.0
"""The same for a connection over the limit, which is only answered with a refusal."""
MAX_REFUSED = 200
"""Connections over the limit that get a 503, or an answer of `WATCHED`; further ones are closed without an answer."""
WATCHED = frozenset({"/health", "/ready", "/metrics"})
"""Served over the limit too: a full gateway is no dead one, and its metrics say why it is full."""
MAX_SENT_AHEAD_BYTES = 64 * 1024
"""What a client may send after a request that is not answered yet."""
OTHER_FILES = 312
"""Files that the process opens apart from connections: database, Temporal, Kafka, the interpreter's own."""


class BoundedConnection(H11Protocol):
    """A connection that is closed when its client makes no progress."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn = StrictConnection()
        self._max_connections = self.config.limit_concurrency or sys.maxsize
        self.limit_concurrency = None  # uvicorn's own refusal is not a problem document

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_seconds = HEAD_SECONDS
        self._unread_bytes = 0
        if len(self.connections) > self._max_connections:
            self.app = _Refusal(self.app)
            self._head_seconds = REFUSED_SECONDS
        self._deadline = self._arm()
        if len(self.connections) > self._max_connections + MAX_REFUSED:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        was_idle = self._is_idle()
        super().data_received(data)
        if self._is_answering():
            self._deadline.cancel()
            self._continue_reading()
        elif was_idle:
            self._deadline.cancel()
            self._deadline = self._arm()

    def on_response_complete(self) -> None:
        self._deadline = self._arm()
        super().on_response_complete()  # may start the next request, if that was sent ahead
        if self._is_answering():
            self._deadline.cancel()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, unless an answer has already started."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()
            return
        reason = sys.exception()
        status = reason.error_status_hint if isinstance(reason, h11.RemoteProtocolError) else 400
        problem = Problem(status, "malformed-request", f"{msg} {reason}.", headers={"Connection": "close"})
        answer = problem.response()
        for event in (
            h11.Response(status_code=status, headers=answer.raw_headers, reason=HTTPStatus(status).phrase),
            h11.Data(data=bytes(answer.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        if self.cycle is not None:  # of a request whose body is wrong: there is nothing left to read or to say
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _is_idle(self) -> bool:
        """Whether uvicorn waits for the first byte of a further request."""
        return self.timeout_keep_alive_task is not None

    def _continue_reading(self) -> None:
        """Read on after a request that was sent ahead: uvicorn would stop, and could not see the client disconnect."""
        if self.conn.their_state is not h11.DONE or not self.flow.read_paused:
            return
        sent_ahead, _ = self.conn.trailing_data
        if len(sent_ahead) > MAX_SENT_AHEAD_BYTES:
            self.transport.abort()
        else:
            self.flow.resume_reading()

    def _arm(self) -> asyncio.TimerHandle:
        return self.loop.call_later(self._head_seconds, self._close_if_stalled)

    def _close_if_stalled(self) -> None:
        """Close the connection, unless the client is still reading the answer, or has read it and is idle."""
        unread = self.transport.get_write_buffer_size()
        if 0 < unread != self._unread_bytes:
            self._unread_bytes = unread
            self._deadline = self._arm()
        elif unread or not self._is_idle():
            self.transport.abort()


def allow_open_files(connections: int) -> None:
    """Raise this process's limit of open files to what `connections` need, as far as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + MAX_REFUSED + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        if allowed < wanted:
            log.warning(
                "The limit of open files is %d, but %d connections need %d: raise the hard limit (ulimit -Hn) or lower "
                "MAX_CONNECTIONS",
                allowed,
                connections,
                wanted,
            )


class _Refusal:
    """What a connection over the limit gets: a 503, or of `app` only what watches the gateway."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in WATCHED:
            await self._app(scope, receive, send)
            return
        detail = "The gateway has reached its limit of connections (MAX_CONNECTIONS): try again."
        problem = Problem(503, "too-many-connections", detail, headers={**RETRY, "Connection": "close"})
        await problem.response()(scope, receive, send)
