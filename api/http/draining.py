"""The end of a gateway: it serves on until load balancers know, and no call is cut off without an answer.

SIGTERM ─► draining ──── DRAIN_DELAY ───► listener closed ── GRACEFUL_SHUTDOWN at most ──► end
           `/ready` is 503, calls that wait get their 503, each answer closes its connection
"""

import asyncio
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import RETRY, Problem

_CLOSE = (b"connection", b"close")


class Drain:
    """Whether this gateway is about to stop."""

    def __init__(self) -> None:
        self._begun = asyncio.Event()
        self._calls: list[Callable[[], None]] = []

    @property
    def begun(self) -> bool:
        return self._begun.is_set()

    def begin(self) -> None:
        if not self.begun:
            self._begun.set()
            for call in self._calls:
                call()

    def calls(self, call: Callable[[], None]) -> None:
        """Have `call` called when it begins."""
        self._calls.append(call)

    async def wait(self) -> None:
        """Return once it has begun."""
        await self._begun.wait()


class LastAnswers:
    """Around the whole application: while the gateway drains, an answer is the last one of its connection.

    A request that is cut off, because it takes longer than the gateway waits, gets a 503.
    """

    def __init__(self, app: ASGIApp, drain: Drain) -> None:
        self._app = app
        self._drain = drain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def send_last(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                if self._drain.begun:
                    others = [header for header in message.get("headers", ()) if header[0].lower() != _CLOSE[0]]
                    message = {**message, "headers": [*others, _CLOSE]}
            await send(message)

        try:
            await self._app(scope, receive, send_last)
        except asyncio.CancelledError:
            if started or not self._drain.begun:
                raise
            detail = "The gateway stops and cut this request off: it may have had its effect. Try again."
            await Problem(503, "shutting-down", detail, headers=RETRY).response()(scope, receive, send_last)
