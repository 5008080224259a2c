"""The web console: `GET /console` and the files of `api/console`.

The files are public and contain no data. The page asks the other operations for every number, with the credentials of
whoever looks at it.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response

from api.gateway import Gateway
from api.http.problems import Problem
from api.security.access import OPEN
from api.security.authentication import is_loopback
from api.security.local import is_address_or_localhost

FOLDER = Path(__file__).parents[1] / "console"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""Files with another ending are not served."""
SUPERVISOR = "CONSOLE_SUPERVISOR"
"""The variable by which the embedded stack, and nothing else, names its supervisor: `http://TOKEN@127.0.0.1:PORT`."""
POLICY = "Content-Security-Policy"
HEADERS = {
    "Cache-Control": "no-cache",  # a browser asks each time, and is answered 304 unless the gateway is a new version
    POLICY: (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""No script, style or connection but the gateway's own, and no markup made of text."""


@dataclass(frozen=True)
class File:
    """A file of the console, as it is sent."""

    content: bytes
    type: str
    etag: str

    @classmethod
    def read(cls, path: Path) -> Self:
        return cls.of(path.read_bytes(), TYPES[path.suffix])

    @classmethod
    def of(cls, content: bytes, type: str) -> Self:
        return cls(content, type, f'"{hashlib.sha256(content).hexdigest()[:32]}"')

    def response(self, if_none_match: str, more: Mapping[str, str] | None = None) -> Response:
        """The file; 304 if the browser has it: RFC 9110, section 13.1.2."""
        headers = HEADERS | {"ETag": self.etag} | dict(more or {})
        held = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
        if self.etag in held or "*" in held:
            return Response(status_code=304, headers=headers)
        return Response(self.content, headers=headers | {"Content-Type": self.type})


@dataclass(frozen=True)
class Supervisor:
    """What can kill the processes of the embedded stack when the page asks it to."""

    origin: str
    token: str

    @classmethod
    def of(cls, environment: Mapping[str, str], gateway_host: str) -> Self | None:
        """The one that `SUPERVISOR` names. None on a gateway that other machines reach."""
        url = urlsplit(environment.get(SUPERVISOR, ""))
        if not (url.username and url.port and url.hostname == "127.0.0.1" and is_loopback(gateway_host)):
            return None
        return cls(f"http://{url.hostname}:{url.port}", url.username)

    @property
    def headers(self) -> dict[str, str]:
        """The page may also connect to the supervisor."""
        return {POLICY: f"{HEADERS[POLICY]}; connect-src 'self' {self.origin}"}

    def added_to(self, page: File) -> File:
        """The page with the address and the token."""
        named = f'<meta name="supervisor" content="{self.origin}" data-token="{self.token}">\n  </head>'
        return File.of(page.content.replace(b"</head>", named.encode()), page.type)


def files() -> dict[str, File]:
    """The console's files by their path under `/console`. Only these are served, whatever path is asked for."""
    found = (path for path in sorted(FOLDER.rglob("*")) if path.suffix in TYPES)
    return {str(PurePosixPath(path.relative_to(FOLDER))): File.read(path) for path in found}


def router(gateway: Gateway) -> APIRouter:
    """Without routes if the setting `console` is off."""
    routes = APIRouter(include_in_schema=False)
    if not gateway.settings.console:
        return routes
    served = files()
    supervisor = Supervisor.of(os.environ, gateway.settings.gateway_host)

    @routes.get("/console", dependencies=OPEN)
    async def page(request: Request) -> Response:
        held = request.headers.get("if-none-match", "")
        # A name that another site could have is not given the token: its pages could read it.
        if supervisor and is_address_or_localhost(request.headers.get("host", "")):
            return supervisor.added_to(served["index.html"]).response(held, supervisor.headers)
        return served["index.html"].response(held)

    @routes.get("/console/{path:path}", dependencies=OPEN)
    async def file(request: Request, path: str) -> Response:
        """Raises `Problem` 404."""
        if not path:  # the page's own links are relative to /console
            return Response(status_code=308, headers=HEADERS | {"Location": "../console"})
        if path not in served:
            raise Problem(404, "not-found", f"The console has no file {path[:100]}.")
        return served[path].response(request.headers.get("if-none-match", ""))

    return routes
