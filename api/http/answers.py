"""Every answer is observed once, for the metrics and for the access log."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
DISCONNECTED = 499
"""The status where the client disconnected before the answer."""


@dataclass(frozen=True)
class Answered:
    """How a request was answered."""

    path: str
    """As it was asked for: it has keys in it."""
    route: str
    """The path of the route, without the keys; `unknown` if there is none."""
    method: str
    """`other` if it is none of HTTP's: a client may send any word."""
    status: int
    seconds: float


class Observer(Protocol):
    def began(self) -> None:
        """A request has come."""

    def ended(self, answered: Answered) -> None:
        """Its answer has been sent, or cannot be sent."""


class ObservedAnswers:
    """Middleware that shows each request to its observers."""

    def __init__(self, app: ASGIApp, observers: Sequence[Observer]) -> None:
        self._app = app
        self._observers = observers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, path = time.perf_counter(), scope["path"]
        status = DISCONNECTED

        async def observe(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        for observer in self._observers:
            observer.began()
        try:
            await self._app(scope, receive, observe)
        except Exception:
            status = 500  # answered outside of all middleware
            raise
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            route = getattr(scope.get("route"), "path", "unknown")
            answered = Answered(path, route, method, status, time.perf_counter() - started)
            for observer in self._observers:
                observer.ended(answered)
