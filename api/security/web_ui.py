"""Pages of the Web UI, which have payloads decrypted by the gateway and so call it from another origin."""

from urllib.parse import urlsplit

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

CODEC_PATH = "/codec"
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


class WebUiOrigin:
    """Lets pages of the Web UI read the answers below `CODEC_PATH`."""

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
    host = url.netloc.removesuffix(port)
    hosts = _LOOPBACK if host in _LOOPBACK else [host]
    return [f"{url.scheme}://{host}{port}" for host in hosts]
