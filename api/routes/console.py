"""The web console: `GET /console` and the files of `api/console`.

The files are public and contain no data. The page asks the other operations for every number, with the credentials of
whoever looks at it.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fastapi import APIRouter, Request, Response

from api.gateway import Gateway
from api.http.problems import Problem
from api.security.access import OPEN

FOLDER = Path(__file__).parents[1] / "console"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""Files with another ending are not served."""
HEADERS = {
    "Cache-Control": "no-cache",  # a browser asks each time, and is answered 304 unless the gateway is a new version
    "Content-Security-Policy": (
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
    def read(cls, path: Path) -> "File":
        content = path.read_bytes()
        return cls(content, TYPES[path.suffix], f'"{hashlib.sha256(content).hexdigest()[:32]}"')

    def response(self, if_none_match: str) -> Response:
        """The file; 304 if the browser has it: RFC 9110, section 13.1.2."""
        headers = HEADERS | {"ETag": self.etag}
        held = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
        if self.etag in held or "*" in held:
            return Response(status_code=304, headers=headers)
        return Response(self.content, headers=headers | {"Content-Type": self.type})


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

    @routes.get("/console", dependencies=OPEN)
    async def page(request: Request) -> Response:
        return served["index.html"].response(request.headers.get("if-none-match", ""))

    @routes.get("/console/{path:path}", dependencies=OPEN)
    async def file(request: Request, path: str) -> Response:
        """Raises `Problem` 404."""
        if not path:  # the page's own links are relative to /console
            return Response(status_code=308, headers=HEADERS | {"Location": "../console"})
        if path not in served:
            raise Problem(404, "not-found", f"The console has no file {path[:100]}.")
        return served[path].response(request.headers.get("if-none-match", ""))

    return routes
