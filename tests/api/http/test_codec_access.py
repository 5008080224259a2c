"""Who may have payloads decrypted."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
from fastapi import Depends, FastAPI
from pydantic import SecretStr
from starlette.types import Receive, Scope, Send

from api.http import problems
from api.http.codec_access import WebUiOrigin, may_use_codec, origins
from infra.settings import Settings

LOOPBACK = ("127.0.0.1", "127.8.9.10", "::1")
ELSEWHERE = ("0.0.0.0", "10.0.0.5", "172.18.0.3", "203.0.113.7", "fe80::1", "testserver", "")


@asynccontextmanager
async def gateway(settings: Settings, address: str) -> AsyncIterator[httpx2.AsyncClient]:
    """A gateway at whose `address` the connections arrive."""
    app = FastAPI()
    app.state.settings = settings
    problems.install(app)

    @app.post("/codec/decode", dependencies=[Depends(may_use_codec)])
    async def decode() -> str:
        return "decrypted"

    app.add_middleware(WebUiOrigin, web_ui_url=settings.web_ui_url)

    async def at_address(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "server": (address, 8080)}, receive, send)

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(at_address), base_url="http://localhost:8080") as http:
        yield http


async def status(settings: Settings, address: str, **headers: str) -> int:
    async with gateway(settings, address) as http:
        return (await http.post("/codec/decode", headers=headers)).status_code


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080"])
@pytest.mark.parametrize("address", LOOPBACK)
async def test_on_loopback_everyone_may(address: str, host: str) -> None:
    assert await status(Settings(), address, host=host) == 200


@pytest.mark.parametrize("address", ELSEWHERE)
async def test_at_another_address_it_takes_a_token(address: str) -> None:
    assert await status(Settings(), address) == 403
    settings = Settings(codec_token=SecretStr("right"))
    assert await status(settings, address) == 401
    assert await status(settings, address, authorization="Bearer right") == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:8080", "127.0.0.1.evil.example", "10.0.0.5"])
async def test_a_name_that_another_site_may_own_is_refused(host: str) -> None:
    assert await status(Settings(), "127.0.0.1", host=host) == 403


@pytest.mark.parametrize("given", ["", "right", "Bearer wrong", "Bearer", "bearer  right", "Basic right", "Bearer é"])
async def test_with_a_token_loopback_needs_it_too(given: str) -> None:
    settings = Settings(codec_token=SecretStr("right"))
    async with gateway(settings, "127.0.0.1") as http:
        answer = await http.post("/codec/decode", headers={b"authorization": given.encode()})
    expected = 200 if given == "bearer  right" else 401
    assert answer.status_code == expected
    assert expected == 200 or answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8233", {"http://localhost:8233", "http://127.0.0.1:8233", "http://[::1]:8233"}),
        ("http://localhost:8233/", {"http://localhost:8233", "http://127.0.0.1:8233", "http://[::1]:8233"}),
        ("https://temporal.example.com", {"https://temporal.example.com"}),
        ("https://temporal.example.com:8443/ui", {"https://temporal.example.com:8443"}),
        ("http://[2001:db8::1]:8233", {"http://[2001:db8::1]:8233"}),
    ],
)
def test_the_web_ui_has_one_origin_and_on_loopback_each_of_its_names(url: str, expected: set[str]) -> None:
    assert set(origins(url)) == expected


async def test_only_pages_of_the_web_ui_may_read_the_answer() -> None:
    settings = Settings(web_ui_url="http://127.0.0.1:8233")
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "content-type,x-namespace"}
    async with gateway(settings, "127.0.0.1") as http:
        for origin, allowed in (("http://localhost:8233", 200), ("http://evil.example", 400), ("null", 400)):
            preflight = await http.options("/codec/decode", headers={"origin": origin, **asked})
            assert preflight.status_code == allowed, origin
            answer = await http.post("/codec/decode", headers={"origin": origin})
            for each in (preflight, answer):
                assert each.headers.get("access-control-allow-origin") == (origin if allowed == 200 else None)


async def test_no_other_path_is_open_to_pages() -> None:
    async with gateway(Settings(), "127.0.0.1") as http:
        for path in ("/", "/codec", "/codecs/decode", "/UserFeed/ada"):
            answer = await http.post(path, headers={"origin": "http://localhost:8233"})
            assert "access-control-allow-origin" not in answer.headers
