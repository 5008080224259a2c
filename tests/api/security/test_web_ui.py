"""Pages of the Web UI may read what the gateway decrypts, others may not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
from fastapi import FastAPI

from api.security.web_ui import WebUiOrigin, origins


@asynccontextmanager
async def gateway() -> AsyncIterator[httpx2.AsyncClient]:
    app = FastAPI()

    @app.post("/codec/decode")
    async def decode() -> str:
        return "decrypted"

    app.add_middleware(WebUiOrigin, web_ui_url="http://127.0.0.1:8233")
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://localhost:8080") as http:
        yield http


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
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "content-type,x-namespace"}
    async with gateway() as http:
        for origin, allowed in (("http://localhost:8233", 200), ("http://evil.example", 400), ("null", 400)):
            preflight = await http.options("/codec/decode", headers={"origin": origin, **asked})
            assert preflight.status_code == allowed, origin
            answer = await http.post("/codec/decode", headers={"origin": origin})
            for each in (preflight, answer):
                assert each.headers.get("access-control-allow-origin") == (origin if allowed == 200 else None)


async def test_no_other_path_is_open_to_pages() -> None:
    async with gateway() as http:
        for path in ("/", "/codec", "/codecs/decode", "/UserFeed/ada"):
            answer = await http.post(path, headers={"origin": "http://localhost:8233"})
            assert "access-control-allow-origin" not in answer.headers
