"""Connections, bounded: how long a request may take to arrive, how many there are, what may be sent in advance.

uvicorn bounds the head's size (16 KiB) and closes an idle connection after its first answer; the rest is here.
"""

import asyncio
import logging
import resource
import sys
from http import HTTPStatus
from typing import Any

import h11
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.http.problems import RETRY, Problem

log = logging.getLogger("api")

HEAD_SECONDS = 10.0
"""From the connection, or the answer before, to the end of a request's head. As long may a client stop reading."""
REFUSED_SECONDS = 1.0
"""The same for a connection over the limit, which is there for its refusal only."""
MOST_REFUSED = 200
"""Connections over the limit that are told so; further ones are closed without a word."""
MAX_SENT_AHEAD_BYTES = 64 * 1024
"""What a client may send behind a request that is not answered yet."""
OTHER_FILES = 312
"""What the process opens beside connections: database, Temporal, Kafka, the interpreter's own."""


class BoundedConnection(H11Protocol):
    """A connection that ends by itself when its client does nothing with it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._most = self.config.limit_concurrency or sys.maxsize
        self.limit_concurrency = None  # uvicorn's own answer beyond it is not a problem document

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_seconds = HEAD_SECONDS
        self._unread_bytes = 0
        if len(self.connections) > self._most:
            self.app = _refuse
            self._head_seconds = REFUSED_SECONDS
        self._deadline = self._arm()
        if len(self.connections) > self._most + MOST_REFUSED:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_answering():
            self._deadline.cancel()
            self._go_on_reading()

    def on_response_complete(self) -> None:
        self._deadline = self._arm()
        super().on_response_complete()  # may begin with the next request, if that was sent ahead
        if self._is_answering():
            self._deadline.cancel()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, if nothing was answered so far."""
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
        self.transport.close()

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _go_on_reading(self) -> None:
        """A request sent ahead stops uvicorn from reading, and who does not read does not see the client go away."""
        if self.conn.their_state is not h11.DONE or not self.flow.read_paused:
            return
        sent_ahead, _ = self.conn.trailing_data
        if len(sent_ahead) > MAX_SENT_AHEAD_BYTES:
            self.transport.abort()
        else:
            self.flow.resume_reading()

    def _arm(self) -> asyncio.TimerHandle:
        return self.loop.call_later(self._head_seconds, self._give_up)

    def _give_up(self) -> None:
        """Close, unless the client still reads the answer."""
        unread = self.transport.get_write_buffer_size()
        if 0 < unread != self._unread_bytes:
            self._unread_bytes = unread
            self._deadline = self._arm()
        else:
            self.transport.abort()


def allow_open_files(connections: int) -> None:
    """Raise this process's own limit of open files to what `connections` need, as far as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + MOST_REFUSED + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        if allowed < wanted:
            log.warning("Only %d files may be open, %d are needed for %d connections", allowed, wanted, connections)


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    detail = "The gateway has as many connections as it allows; try again."
    problem = Problem(503, "too-many-connections", detail, headers={**RETRY, "Connection": "close"})
    await problem.response()(scope, receive, send)
