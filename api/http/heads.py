"""Heads of requests: bounded in size, and clear about where the body ends.

h11 looks at the size only while a head is incomplete, so that one which arrives at once may have any. And of two
statements about the body's length it takes one: a proxy that takes the other sees another request in the rest.
"""

from typing import Any

import h11

MAX_HEAD_BYTES = 16 * 1024
"""From the method to the empty line; the same holds for what follows the last chunk of a body."""


class StrictConnection(h11.Connection):
    """The server's side of a connection. Its errors are h11's."""

    def __init__(self) -> None:
        super().__init__(h11.SERVER, MAX_HEAD_BYTES)

    def _extract_next_receive_event(self) -> Any:
        before = len(self._receive_buffer)
        event = super()._extract_next_receive_event()
        if isinstance(event, h11.Request | h11.EndOfMessage):
            if before - len(self._receive_buffer) > MAX_HEAD_BYTES:
                raise h11.LocalProtocolError("Request head too long", error_status_hint=431)
            _must_have_one_length(event)
        return event


def _must_have_one_length(event: h11.Request | h11.EndOfMessage) -> None:
    """RFC 9112, section 6.1: a request with both may be an attack, and HTTP/1.0 has no Transfer-Encoding."""
    names = {name for name, _ in event.headers}
    if b"transfer-encoding" not in names or not isinstance(event, h11.Request):
        return
    if b"content-length" in names:
        raise h11.LocalProtocolError("Content-Length together with Transfer-Encoding")
    if event.http_version < b"1.1":
        raise h11.LocalProtocolError("Transfer-Encoding in HTTP/1.0")
