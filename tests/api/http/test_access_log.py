"""The access log: each request once, without its key, and quiet about probes."""

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from starlette.routing import Route

from api.http import problems
from api.http.access_log import AccessLog
from api.http.answers import ObservedAnswers
from api.http.head import HeadAsGet
from api.http.request_ids import RequestIds
from api.http.targets import RequestTargets
from infra.log_lines import JsonFormatter, TextFormatter
from infra.settings import Settings
from tests.api.security.gateways import application, client_of

KEY = "john.doe@example.com"


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.read = list[dict[str, Any]]()
        self.text = list[str]()

    def emit(self, record: logging.LogRecord) -> None:
        self.read.append(json.loads(JsonFormatter().format(record)))
        self.text.append(TextFormatter().format(record))


@pytest.fixture
def lines() -> Iterator[Lines]:
    log, lines = logging.getLogger("api.access"), Lines()
    before = log.level
    log.setLevel(logging.INFO)
    log.addHandler(lines)
    yield lines
    log.removeHandler(lines)
    log.setLevel(before)


def small_app() -> httpx2.AsyncClient:
    app = FastAPI()
    app.add_middleware(HeadAsGet)
    app.add_middleware(RequestTargets)
    app.add_middleware(ObservedAnswers, observers=[AccessLog()])
    app.add_middleware(RequestIds)
    problems.install(app)

    @app.get("/feeds/{key}")
    async def feed(key: str) -> str:
        await asyncio.sleep(0.02)
        return key

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("broken")

    app.state.operations = [route for route in app.routes if isinstance(route, Route)]
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://gateway")


async def test_a_request_is_a_line_with_method_route_status_duration_and_id(lines: Lines) -> None:
    async with small_app() as http:
        await http.get(f"/feeds/{KEY}?secret=1", headers={"X-Request-ID": "caller:7"})
    [line] = lines.read
    assert line["logger"] == "api.access"
    assert {name: line[name] for name in ("method", "route", "status", "request_id")} == {
        "method": "GET",
        "route": "/feeds/{key}",
        "status": 200,
        "request_id": "caller:7",
    }
    assert line["duration_ms"] >= 20
    assert line["message"] == f"GET /feeds/{{key}} 200 in {line['duration_ms']:g} ms"
    [text] = lines.text
    assert "[caller:7] GET /feeds/{key} 200 in " in text


@pytest.mark.parametrize(
    ("method", "path", "route", "status"),
    [
        ("HEAD", f"/feeds/{KEY}", "/feeds/{key}", 200),
        ("GET", f"/unknown/{KEY}", "unknown", 404),
        ("POST", f"/feeds/{KEY}", "/feeds/{key}", 405),
        ("GET", "/broken", "/broken", 500),
        ("CONNECT", "gateway:8080", "unknown", 405),
    ],
)
async def test_every_answer_has_a_line_and_none_has_the_path(
    lines: Lines, method: str, path: str, route: str, status: int
) -> None:
    async with small_app() as http:
        answer = await http.request(method, path)
    [line] = lines.read
    assert answer.status_code == status
    assert (line["route"], line["status"]) == (route, status)
    assert KEY not in str(line)


async def test_an_unknown_method_is_not_repeated(lines: Lines) -> None:
    async with small_app() as http:
        await http.request("FORGED", "/feeds/a")
    assert lines.read[0]["method"] == "other"
    assert "FORGED" not in str(lines.read)


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics"])
async def test_probes_are_logged_at_debug_only(lines: Lines, path: str) -> None:
    async with small_app() as http:
        await http.get(path)
        assert lines.read == []
        logging.getLogger("api.access").setLevel(logging.DEBUG)
        await http.get(path)
    assert [line["level"] for line in lines.read] == ["DEBUG"]


async def test_a_level_above_info_leaves_it_out(lines: Lines) -> None:
    logging.getLogger("api.access").setLevel(logging.WARNING)
    async with small_app() as http:
        assert (await http.get("/feeds/a")).status_code == 200
    assert lines.read == []


async def test_the_gateway_writes_it(lines: Lines) -> None:
    async with client_of(application(Settings())) as http:
        answer = await http.get(f"/PackageTracker/{KEY}/getPackageInfo")
    [line] = lines.read
    assert (line["status"], line["request_id"]) == (answer.status_code, answer.headers["X-Request-ID"])
    assert line["route"].startswith("/PackageTracker/{")
    assert KEY not in str(line)
