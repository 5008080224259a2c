"""Who may have payloads decrypted: pages of the Web UI in a browser, and `temporal --codec-endpoint`."""

import ipaddress
import secrets
from urllib.parse import urlsplit

from fastapi import Request
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.problems import Problem
from infra.settings import Settings

CODEC_PATH = "/codec"
_LOCALHOST = "localhost"


class WebUiOrigin:
    """Lets pages of the Web UI read the answers below `CODEC_PATH`, which has another origin than they have."""

    def __init__(self, app: ASGIApp, web_ui_url: str) -> None:
        self._app = app
        self._open_to_web_ui = CORSMiddleware(
            app,
            allow_origins=origins(web_ui_url),
            allow_methods=["POST"],
            allow_headers=["content-type", "x-namespace", "authorization"],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_codec = scope["type"] == "http" and scope["path"].startswith(f"{CODEC_PATH}/")
        await (self._open_to_web_ui if is_codec else self._app)(scope, receive, send)


def origins(web_ui_url: str) -> list[str]:
    """The origin of this URL; on loopback under each name that a person may have typed."""
    url = urlsplit(web_ui_url)
    port = f":{url.port}" if url.port else ""
    hosts = [_LOCALHOST, "127.0.0.1", "[::1]"] if is_loopback(url.hostname) else [url.netloc.removesuffix(port)]
    return [f"{url.scheme}://{host}{port}" for host in hosts]


async def may_use_codec(request: Request) -> None:
    """Admit who has `CODEC_TOKEN`; without such a setting, whoever reaches the gateway on loopback.

    The `Host` must then be loopback too, so that no page of another site reaches it under a name that it owns. Raises
    `Problem` 401 and 403.
    """
    settings: Settings = request.app.state.settings
    if settings.codec_token is not None:
        expected = settings.codec_token.get_secret_value().encode()
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secrets.compare_digest(given.strip().encode(), expected):
            challenge = {"WWW-Authenticate": "Bearer"}
            raise Problem(401, "unauthorized", "Send `Authorization: Bearer` and CODEC_TOKEN.", headers=challenge)
    elif not (is_loopback(_own_address(request)) and is_loopback(request.url.hostname)):
        raise Problem(403, "forbidden", "Payloads are decrypted on loopback only, unless CODEC_TOKEN is set.")


def is_loopback(host: str | None) -> bool:
    try:
        return host == _LOCALHOST or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _own_address(request: Request) -> str | None:
    """The address of this machine at which the connection arrived."""
    server = request.scope.get("server")
    return server[0] if server else None
