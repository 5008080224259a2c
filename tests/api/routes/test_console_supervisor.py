"""The crash button is the embedded stack's: the page of another gateway names no supervisor and may reach none."""

import re
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from api.routes import console
from api.routes.console import SUPERVISOR
from infra.settings import Settings
from tests.api.security.gateways import application, client_of

NAMED = "http://the-token@127.0.0.1:20123"
ROOT = Path(__file__).parents[3]
Gateway = Callable[[Settings], httpx2.AsyncClient]


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """A gateway as the embedded stack starts it."""
    monkeypatch.setenv(SUPERVISOR, NAMED)
    return with_console


def with_console(settings: Settings) -> httpx2.AsyncClient:
    return client_of(application(settings, routers=lambda gateway: [console.router(gateway)]))


async def test_the_page_of_the_embedded_stack_names_the_supervisor_and_may_connect_to_it(embedded: Gateway) -> None:
    answer = await embedded(Settings()).get("/console")

    assert '<meta name="supervisor" content="http://127.0.0.1:20123" data-token="the-token">' in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.endswith("; connect-src 'self' http://127.0.0.1:20123")
    assert answer.headers["cache-control"] == "no-cache"


async def test_another_token_is_another_page(embedded: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await embedded(Settings()).get("/console")
    monkeypatch.setenv(SUPERVISOR, NAMED.replace("the-token", "another"))

    again = await embedded(Settings()).get("/console", headers={"If-None-Match": first.headers["etag"]})

    assert again.status_code == 200
    assert 'data-token="another"' in again.text


async def test_a_name_that_another_site_could_have_gets_no_token(embedded: Gateway) -> None:
    answer = await embedded(Settings()).get("/console", headers={"Host": "example.org:8080"})

    assert_names_none(answer)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
async def test_a_gateway_that_other_machines_reach_names_none(embedded: Gateway, host: str) -> None:
    assert_names_none(await embedded(Settings(gateway_host=host)).get("/console"))


@pytest.mark.parametrize("value", ["", "http://127.0.0.1:20123", "http://t@192.0.2.1:20123", "http://t@127.0.0.1"])
async def test_what_names_no_supervisor_on_this_machine_counts_as_none(
    embedded: Gateway, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv(SUPERVISOR, value)

    assert_names_none(await embedded(Settings()).get("/console"))


async def test_another_gateway_names_none() -> None:
    assert_names_none(await with_console(Settings()).get("/console"))


def assert_names_none(answer: httpx2.Response) -> None:
    assert answer.status_code == 200
    assert "supervisor" not in answer.text
    assert "connect-src" not in answer.headers["content-security-policy"]


def test_nothing_that_deploys_the_gateway_sets_the_variable() -> None:
    deploying = [ROOT / name for name in ("Dockerfile", "docker-compose.yml", ".env.example")]
    deploying += [file for file in (ROOT / "deploy").rglob("*") if file.is_file()]
    assert len(deploying) > 20
    assert [file for file in deploying if re.search(SUPERVISOR, file.read_text(errors="replace"))] == []
