"""The console's files over HTTP: who gets them, as what, and nothing else of the machine."""

import re

import httpx2
import pytest

from api.routes.console import FOLDER, TYPES, files
from infra.settings import Settings
from tests.api.security.gateways import application, client_of


async def test_the_page_is_html_that_a_browser_guards(alone: httpx2.AsyncClient) -> None:
    answer = await alone.get("/console")

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self'; ")
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_every_file_is_served_under_its_type(alone: httpx2.AsyncClient) -> None:
    for path in files():
        answer = await alone.get(f"/console/{path}")
        assert answer.status_code == 200, path
        assert answer.headers["content-type"] == TYPES["." + path.rpartition(".")[2]]
        assert answer.content == (FOLDER / path).read_bytes()


def test_no_file_has_a_script_or_a_style_within_the_page_nor_an_address_elsewhere() -> None:
    html = files()["index.html"].content.decode()
    assert re.findall(r"<script(?![^>]* src=)|<style| on\w+=| style=", html) == []
    for path, file in files().items():
        found = re.findall(r"https?://[^\s\"'`]+", file.content.decode())
        assert set(found) <= {"http://www.w3.org/2000/svg"}, path


async def test_a_browser_that_has_the_file_is_answered_without_it(alone: httpx2.AsyncClient) -> None:
    first = await alone.get("/console/main.js")

    for held in (first.headers["etag"], f'"other", W/{first.headers["etag"]}', "*"):
        again = await alone.get("/console/main.js", headers={"If-None-Match": held})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert (await alone.get("/console/main.js", headers={"If-None-Match": '"other"'})).status_code == 200
    assert first.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    ["pages", "pages/", "../app.py", "..%2fapp.py", "%2e%2e/app.py", "../routes/console.py", "none.js", "/etc/passwd"],
)
async def test_nothing_else_is_served_and_no_folder_is_listed(alone: httpx2.AsyncClient, path: str) -> None:
    answer = await alone.get(httpx2.URL("http://localhost", raw_path=f"/console/{path}".encode()))

    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_the_address_with_a_slash_leads_to_the_one_without(alone: httpx2.AsyncClient) -> None:
    answer = await alone.get("/console/")

    assert answer.status_code == 308
    assert str(answer.url.join(answer.headers["location"])).endswith("/console")


async def test_head_is_as_get_and_nothing_can_be_posted(alone: httpx2.AsyncClient) -> None:
    head = await alone.head("/console")

    assert (head.status_code, head.content) == (200, b"")
    assert (await alone.post("/console")).status_code == 405


async def test_it_can_be_switched_off() -> None:
    http = client_of(application(Settings(console=False)))

    for path in ("/console", "/console/", "/console/main.js"):
        assert (await http.get(path)).status_code == 404


async def test_the_openapi_document_does_not_have_it(alone: httpx2.AsyncClient) -> None:
    paths = (await alone.get("/openapi.json")).json()["paths"]
    assert "/health" in paths
    assert "/console" not in paths
