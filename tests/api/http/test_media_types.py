"""A body says that it is JSON: otherwise a page of any site could send one without the browser's question first."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from infra.settings import Settings
from tests.api.security.gateways import EmptyTemporal, application, bearing, client_of, write_keys
from tests.api.test_bad_input import problem

FOREIGN = [
    {},
    {"Content-Type": ""},
    {"Content-Type": "text/plain"},
    {"Content-Type": "text/plain; charset=application/json"},
    {"Content-Type": "application/x-www-form-urlencoded"},
    {"Content-Type": "multipart/form-data; boundary=application/json"},
    {"Content-Type": "text/plain, application/json"},
    {"Content-Type": "application/jsonp"},
    {"Content-Type": "application/json, text/plain"},
]
OURS = ["application/json", "Application/JSON", "application/json; charset=utf-8", "application/json;charset=UTF-8"]
JOB = b'{"description": "a"}'


async def operations(http: httpx2.AsyncClient) -> list[tuple[str, str]]:
    document: dict[str, Any] = (await http.get("/openapi.json")).json()
    return [
        (method.upper(), re.sub(r"\{[^}]*\}", "nothing", path))
        for path, methods in document["paths"].items()
        for method in methods
    ]


async def chunks() -> AsyncIterator[bytes]:
    yield JOB


@pytest.mark.parametrize("headers", FOREIGN)
async def test_every_operation_refuses_a_body_that_does_not_say_it_is_json(
    alone: httpx2.AsyncClient, empty_temporal: EmptyTemporal, headers: dict[str, str]
) -> None:
    found = await operations(alone)
    assert len(found) > 30
    for method, path in found:
        for body in (JOB, chunks()):
            answer = await alone.request(method, path, content=body, headers=headers)
            assert (answer.status_code, answer.json()["type"]) == (415, "urn:problem:unsupported-media-type"), path
    assert empty_temporal.asked == []


@pytest.mark.parametrize("value", OURS)
async def test_json_is_read_with_and_without_parameters(
    alone: httpx2.AsyncClient, empty_temporal: EmptyTemporal, value: str
) -> None:
    answer = await alone.post("/FanOutWorker/run/send", content=JOB, headers={"Content-Type": value})
    assert answer.status_code == 503, "this Temporal takes nothing"
    assert empty_temporal.asked


async def test_two_content_types_are_refused_since_a_proxy_may_have_read_the_other(
    alone: httpx2.AsyncClient,
) -> None:
    for first, second in (("application/json", "text/plain"), ("text/plain", "application/json")):
        headers = [("Content-Type", first), ("Content-Type", second)]
        problem(await alone.post("/FanOutWorker/run", content=JOB, headers=headers), 415, "unsupported-media-type")


@pytest.mark.parametrize("headers", [*FOREIGN, {"Content-Type": "application/json"}])
async def test_a_request_without_a_body_needs_no_content_type(
    alone: httpx2.AsyncClient, headers: dict[str, str]
) -> None:
    for method, path in (("POST", "/PackageTracker/a/getPackageInfo"), ("DELETE", "/invocations/fan-out:1")):
        answer = await alone.request(method, path, headers=headers)
        assert answer.status_code == 404
    problem(await alone.post("/FanOutWorker/run", headers=headers), 400, "malformed-json")


async def test_credentials_come_first(tmp_path: Path) -> None:
    keys = write_keys(tmp_path / "keys.json", {"shop": {"roles": ["caller"]}})
    http = client_of(application(Settings(api_keys_file=tmp_path / "keys.json")))
    problem(await http.post("/FanOutWorker/run", content=JOB), 401, "unauthenticated")
    answer = await http.post("/FanOutWorker/run", content=JOB, headers=bearing(keys["shop"]))
    problem(answer, 415, "unsupported-media-type")
