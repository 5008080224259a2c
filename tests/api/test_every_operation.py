"""What holds for every operation, whichever pattern it belongs to: read from the OpenAPI document."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

PLACEHOLDERS = {"invocation_id": "message-queue:unknown", "subscription_id": "unknown", "key": "unknown"}
WAITS_AND_CHANGES = {"date", "content-length"}
"""Headers that differ between two answers."""
ATTEMPTS = 20


async def operations(http: httpx2.AsyncClient) -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of each."""
    document = (await http.get("/openapi.json")).json()
    return [
        (method.upper(), path.format(**PLACEHOLDERS), operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


async def test_a_query_parameter_that_it_does_not_read_is_refused(http: httpx2.AsyncClient) -> None:
    for method, path, _ in await operations(http):
        if path.startswith("/codec/"):
            continue  # Temporal's Web UI and CLI say what these are called with
        answer = await http.request(method, f"{path}?no-such=1")
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), path
        [error] = answer.json()["errors"]
        assert error["field"] == "query.no-such"
        assert error["message"].startswith("Unknown parameter")


async def test_a_repeated_query_parameter_is_refused(http: httpx2.AsyncClient) -> None:
    for method, path, operation in await operations(http):
        for name in [each["name"] for each in operation.get("parameters", []) if each["in"] == "query"]:
            answer = await http.request(method, f"{path}?{name}=1&{name}=2")
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, f"query.{name}"), path


async def got_and_head(http: httpx2.AsyncClient, path: str) -> tuple[httpx2.Response, httpx2.Response]:
    """Both of one state: lists have executions of other tests, which end in between. The token of a list's next page
    differs each time, and is as long."""
    for _ in range(ATTEMPTS):
        got, head, again = await http.get(path), await http.head(path), await http.get(path)
        if path == "/metrics" or len(got.content) == len(again.content):
            return got, head
    pytest.fail(f"GET {path} never had the same length twice")


async def test_head_is_as_get_without_the_body(http: httpx2.AsyncClient) -> None:
    paths = [path for method, path, _ in await operations(http) if method == "GET"]
    assert len(paths) > 10
    for path in [*paths, "/docs", "/openapi.json", "/no-such-path", "/health?no-such=1", "/BookingWorkflow//x"]:
        got, head = await got_and_head(http, path)
        assert (head.status_code, head.content) == (got.status_code, b""), path
        changing = {"x-request-id", *(WAITS_AND_CHANGES if path == "/metrics" else {"date"})}
        for name in {*got.headers, *head.headers} - changing:
            assert head.headers.get(name) == got.headers.get(name), (path, name)


async def test_the_connection_can_be_used_again_after_a_head(http: httpx2.AsyncClient) -> None:
    raw = b"HEAD /health HTTP/1.1\r\nHost: a\r\n\r\nGET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    said = await exchanged(http, raw)
    assert said.count(b"HTTP/1.1 200") == 2
    assert said.count(b'{"status":"ok"}') == 1


async def test_a_head_is_counted_under_its_route(http: httpx2.AsyncClient) -> None:
    await http.head("/health")
    assert 'gateway_requests_total{method="HEAD",route="/health",status="200"}' in (await http.get("/metrics")).text


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/health", "GET, HEAD"),
        ("/invocations/a", "DELETE, GET, HEAD"),
        ("/subscriptions/a", "DELETE, GET, HEAD, PATCH"),
        ("/subscriptions", "GET, HEAD, POST"),
        ("/PackageTracker/a/getPackageInfo", "GET, HEAD, POST"),
        ("/FanOutWorker/run", "POST"),
    ],
)
async def test_the_wrong_method_is_answered_with_the_right_ones(
    http: httpx2.AsyncClient, path: str, allowed: str
) -> None:
    for method in ("PUT", "OPTIONS", "TRACE", "BREW"):
        answer = await http.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    if "GET" not in allowed:
        head = await http.head(path)
        assert (head.status_code, head.headers["allow"], head.content) == (405, allowed, b"")


async def exchanged(http: httpx2.AsyncClient, raw: bytes) -> bytes:
    """What the gateway says to `raw` until it closes the connection."""
    url = urlsplit(str(http.base_url))
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(raw)
    said = await reader.read()
    writer.close()
    return said


async def status_of(http: httpx2.AsyncClient, request_line: str) -> tuple[int, bytes]:
    raw = f"{request_line} HTTP/1.1\r\nHost: elsewhere\r\nConnection: close\r\n\r\n".encode()
    said = await exchanged(http, raw)
    return int(said.split(b" ", 2)[1]), said


@pytest.mark.parametrize(
    "target",
    [
        "http://gateway.internal/health",
        "HTTP://GATEWAY.internal:8080/health",
        "https://gateway.internal/health?",
        "http://[::1]:8080/health",
        "http://127.0.0.1/health",
        "http://gateway.internal:/health",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_target_with_scheme_and_host_is_served(http: httpx2.AsyncClient, method: str, target: str) -> None:
    status, said = await status_of(http, f"{method} {target}")
    assert status == 200
    assert said.endswith(b'{"status":"ok"}' if method == "GET" else b"\r\n\r\n")


async def test_path_and_query_of_such_a_target_are_read(http: httpx2.AsyncClient) -> None:
    status, said = await status_of(http, "GET http://localhost/AsyncTaskWorker/deadLetters?limit=0")
    assert (status, b"query.limit" in said) == (422, True)
    status, said = await status_of(http, "GET http://gateway/BookingWorkflow//run")
    assert (status, b"The key is empty." in said) == (400, True)
    assert (await status_of(http, "GET http://gateway"))[0] == 404
    assert (await status_of(http, "GET http://localhost/invocations/what"))[0] == 404


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("OPTIONS *", 204),
        ("OPTIONS http://gateway.internal:8080", 204),
        ("OPTIONS http://gateway.internal/", 404),
        ("GET *", 400),
        ("HEAD *", 400),
        ("GET health", 400),
        ("GET gateway.internal:8080", 400),
        ("GET http:///health", 400),
        ("GET http://user:secret@gateway.internal/health", 400),
        ("GET ftp://gateway.internal/health", 400),
        ("GET http://gateway.internal:x/health", 400),
        ("GET http:/health", 400),
        ("CONNECT gateway.internal:8080", 405),
        ("CONNECT /health", 405),
    ],
)
async def test_other_targets_get_a_right_answer(http: httpx2.AsyncClient, request_line: str, status: int) -> None:
    answered, said = await status_of(http, request_line)
    assert answered == status, said
    assert b"secret" not in said
    if status in (204, 405):
        assert b"allow: DELETE, GET, HEAD, PATCH, POST" in said
    if request_line.startswith("HEAD"):
        assert said.endswith(b"\r\n\r\n")
