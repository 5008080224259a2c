"""Forms of a request's target other than a path: RFC 9112, section 3.2.

GET /health                     origin-form, which clients use
GET http://gateway/health       absolute-form, which clients use with a proxy: served as the path
CONNECT gateway:8080            authority-form, for tunnels: refused, this is no proxy
OPTIONS *                       asterisk-form: the methods that any operation has
"""

import re
from urllib.parse import unquote

from fastapi import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.problems import Problem

ALLOW = "DELETE, GET, HEAD, PATCH, POST"
"""The methods of all operations."""
_ABSOLUTE = re.compile(
    rb"https?://(?P<authority>(?:\[[0-9a-f:.]+\]|[a-z0-9._~%!$&'()*+,;=-]+)(?::[0-9]{0,5})?)(?P<path>/.*)?",
    re.IGNORECASE | re.DOTALL,
)
"""Without user information, which RFC 9110 says to treat as an error (section 4.2.4)."""


class RequestTargets:
    """Middleware that makes every target a path, or answers the request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = _resolve(scope) if scope["type"] == "http" else None
        await (answer or self._app)(scope, receive, send)


def _resolve(scope: Scope) -> ASGIApp | None:
    """Turn an absolute target into its path, in `scope`; return the answer to a target that is no path."""
    method, target = scope["method"], scope["raw_path"]
    if method == "CONNECT":
        return Problem(405, "method-not-allowed", "The gateway is no proxy.", headers={"Allow": ALLOW}).response()
    if target.startswith(b"/"):
        return None
    absolute = _ABSOLUTE.fullmatch(target)
    if method == "OPTIONS" and (target == b"*" or (absolute and not absolute["path"] and not scope["query_string"])):
        return Response(status_code=204, headers={"Allow": ALLOW})
    if absolute is None:
        detail = "The request's target is neither a path such as /health nor an http or https URL with a host."
        return Problem(400, "malformed-request", detail).response()
    path = absolute["path"] or b"/"
    others = [(name, value) for name, value in scope["headers"] if name != b"host"]
    # RFC 9112, 3.2.2: the target's host counts, not the header's.
    scope.update(raw_path=path, path=unquote(path.decode("ascii")), headers=[(b"host", absolute["authority"]), *others])
    return None
