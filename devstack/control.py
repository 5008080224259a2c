"""The supervisor's HTTP interface, for the console in a browser on this machine: which processes run, and `kill -9`.

It listens on loopback. A page of another site cannot use it: the `Origin` must be the gateway's, the `Host` this
machine's, and the token one that only the gateway's page has.
"""

import hmac
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from api.routes.console import SUPERVISOR
from api.security.web_ui import origins
from devstack.ports import HOST, claim_ports
from devstack.restarts import ProcessState, Restarts
from infra.health_server import served
from infra.listening import listen

LOSES_ITS_RECORDS = frozenset({"broker"})
"""What the console cannot kill: the embedded broker keeps its records in memory."""


class Control:
    """The address and the token of the interface. They last as long as this object, whoever is killed."""

    def __init__(self, gateway_url: str) -> None:
        [self._port] = claim_ports(1)
        self.token = secrets.token_urlsafe(32)
        self._origins = origins(gateway_url)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._port}"

    @property
    def settings(self) -> dict[str, str]:
        """The variable by which the gateway's console finds it."""
        return {SUPERVISOR: f"http://{self.token}@{HOST}:{self._port}"}

    @asynccontextmanager
    async def serving(self, restarts: Restarts) -> AsyncIterator[None]:
        """Serve until the body ends."""
        listening = listen(HOST, self._port, "the supervisor's HTTP interface")
        async with served(application(restarts, self.token, self._origins), listening):
            yield


def application(restarts: Restarts, token: str, pages: list[str]) -> ASGIApp:
    """`pages` are the origins that may use it, with the token."""

    def admit(request: Request) -> None:
        if request.headers.get("origin") not in pages:
            raise HTTPException(403, "Only the console of this stack may ask.")
        if not hmac.compare_digest(request.headers.get("authorization", "").encode(), f"Bearer {token}".encode()):
            raise HTTPException(403, "The token is not that of this stack: reload the page.")

    async def processes(request: Request) -> JSONResponse:
        admit(request)
        return JSONResponse([_shown(name, state) for name, state in restarts.states.items()])

    async def kill(request: Request) -> JSONResponse:
        admit(request)
        name = request.path_params["name"]
        if name not in restarts.states or name in LOSES_ITS_RECORDS:
            raise HTTPException(404, f"There is no process {name!r} that can be killed.")
        if not restarts.states[name].is_up:
            raise HTTPException(409, f"{name} is down already.")
        restarts.crash(name)
        return JSONResponse({"killed": name})

    return Starlette(
        routes=[Route("/processes", processes), Route("/processes/{name}/kill", kill, methods=["POST"])],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"], www_redirect=False),
            Middleware(
                CORSMiddleware, allow_origins=pages, allow_methods=["GET", "POST"], allow_headers=["authorization"]
            ),
        ],
    )


def _shown(name: str, state: ProcessState) -> dict[str, object]:
    return {
        "name": name,
        "status": "UP" if state.is_up else "DOWN",
        "since": state.since.isoformat(),
        "restarts": state.restarts,
        "canBeKilled": name not in LOSES_ITS_RECORDS,
    }
