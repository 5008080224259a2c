"""Tests that serve learn why a server does not start, instead of waiting for it."""

import socket

import pytest
import uvicorn
from starlette.responses import PlainTextResponse

from tests.api.http.running import serving


async def test_what_keeps_a_server_from_starting_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(*_: object, **__: list[socket.socket]) -> None:
        raise PermissionError("no more servers")

    monkeypatch.setattr(uvicorn.Server, "startup", refused)
    with pytest.raises(PermissionError, match="no more servers"):
        async with serving(PlainTextResponse("never served")):
            pytest.fail("it serves")
