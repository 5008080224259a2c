"""The ID of a request is in its answer and in the lines of the log about it."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from api.http import problems
from api.http.request_ids import RequestIds
from infra.log_lines import JsonFormatter

log = logging.getLogger("tests.request_ids")


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.read = list[dict[str, Any]]()

    def emit(self, record: logging.LogRecord) -> None:
        self.read.append(json.loads(JsonFormatter().format(record)))


@pytest.fixture
def lines() -> Iterator[Lines]:
    lines = Lines()
    for each in (log, logging.getLogger("api")):
        each.addHandler(lines)
    yield lines
    for each in (log, logging.getLogger("api")):
        each.removeHandler(lines)


async def get(path: str, **headers: str) -> httpx2.Response:
    app = FastAPI()
    app.add_middleware(RequestIds)
    problems.install(app)

    @app.get("/fine")
    async def fine() -> None:
        log.warning("fine")

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("broken")

    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as client:
        return await client.get(path, headers=headers)


@pytest.mark.parametrize(("path", "status"), [("/fine", 200), ("/broken", 500)])
async def test_that_the_caller_gives_is_kept(lines: Lines, path: str, status: int) -> None:
    answer = await get(path, **{"X-Request-ID": "caller:7"})
    assert (answer.status_code, answer.headers["X-Request-ID"]) == (status, "caller:7")
    assert [line["request_id"] for line in lines.read] == ["caller:7"]


@pytest.mark.parametrize("given", [None, "", "a b", "a\x1b[31m", "x" * 129, '{"a": 1}', "=C3=A9"])
async def test_that_is_none_is_replaced_by_a_new_one(lines: Lines, given: str | None) -> None:
    headers = {} if given is None else {"X-Request-ID": given}
    answers = [await get("/fine", **headers) for _ in range(2)]
    ids = [answer.headers["X-Request-ID"] for answer in answers]
    assert given not in ids
    assert len({*ids}) == 2
    assert [line["request_id"] for line in lines.read] == ids


async def test_a_problem_has_it(lines: Lines) -> None:
    assert (await get("/missing", **{"X-Request-ID": "caller:7"})).headers["X-Request-ID"] == "caller:7"
