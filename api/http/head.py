"""HEAD: as GET, without the body (RFC 9110, section 9.3.2), for every operation."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """Middleware that answers HEAD with the status and headers of GET."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        is_answered = False

        async def send_without_body(message: Message) -> None:
            nonlocal is_answered
            if message["type"] != "http.response.body":
                await send(message)
            elif not is_answered:
                is_answered = True
                await send({"type": "http.response.body", "body": b""})
                if message.get("more_body"):
                    answering.cancel()  # a stream may not end

        as_get = {**scope, "method": "GET"}
        answering = asyncio.ensure_future(self._app(as_get, receive, send_without_body))
        try:
            await answering
        except asyncio.CancelledError:
            if not is_answered:
                raise
        finally:
            if "route" in as_get:  # for the metrics, which see the scope of the HEAD
                scope["route"] = as_get["route"]
