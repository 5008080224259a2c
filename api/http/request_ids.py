"""The ID of a request: the caller's `X-Request-ID`, or a new one. It is in the answer and in the lines of the log."""

import re
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.log_lines import request_id

HEADER = "X-Request-ID"
_GIVEN = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class RequestIds:
    """Middleware that gives each request its ID. One that is no ID is replaced: it would get into logs."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        id = given if _GIVEN.fullmatch(given) else uuid.uuid4().hex
        request_id.set(id)  # for the task of this request, to its end: an unexpected error is logged after this call

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = id
            await send(message)

        await self._app(scope, receive, send_with_id)
