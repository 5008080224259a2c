"""Whether a gateway says that it is ready only if calls can be carried out."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from api.app import create_app, open_gateway
from api.gateway import Gateway
from api.security.authentication import Authentication
from clients.temporal_setup import TemporalUnusable, check_temporal
from infra import readiness
from infra.payload_keys import KeyRing
from infra.settings import Settings
from tests.dev_server import BARE, dev_server_with_bare_namespace
from tests.infra.schema import downgrade, upgrade

PATIENCE = timedelta(seconds=20)


@pytest.fixture(scope="module")
async def temporal() -> AsyncIterator[WorkflowEnvironment]:
    async with dev_server_with_bare_namespace() as environment:
        yield environment


@pytest.fixture(autouse=True)
def patient_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take long for an answer."""
    monkeypatch.setattr(readiness, "CHECK_TIMEOUT", PATIENCE)


Open = Callable[..., AbstractAsyncContextManager[httpx2.AsyncClient]]


@pytest.fixture
async def database_url(tmp_path: Path) -> str:
    url = f"sqlite+aiosqlite:///{tmp_path}/patterns.db"
    await upgrade(url)
    return url


@pytest.fixture
def gateway(temporal: WorkflowEnvironment, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Open:
    @asynccontextmanager
    async def opened(namespace: str = "default") -> AsyncIterator[httpx2.AsyncClient]:
        monkeypatch.setenv("TEMPORAL_ADDRESS", temporal.client.service_client.config.target_host)
        monkeypatch.setenv("TEMPORAL_NAMESPACE", namespace)
        async with (
            open_gateway(Settings(database_url=database_url), KeyRing(), Authentication()) as gateway,
            calling(gateway) as client,
        ):
            yield client

    return opened


def calling(gateway: Gateway) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(create_app(gateway), raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=60)


async def test_a_gateway_whose_calls_can_be_carried_out_is_ready(gateway: Open) -> None:
    async with gateway() as http:
        answer = await http.get("/ready")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "checks": {"temporal": "ok", "database": "ok"}}


async def test_a_gateway_without_its_namespace_is_not_ready_and_its_calls_say_to_try_again(gateway: Open) -> None:
    async with gateway("missing") as http:
        answer = await http.get("/ready")
        called = await http.post("/FanOutWorker/run", json={"description": "a"})
        looked_up = await http.get("/PackageTracker/p1/getPackageInfo")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"temporal": "does not have the namespace", "database": "ok"}
    for each in (called, looked_up):
        assert (each.status_code, each.json()["type"]) == (503, "urn:problem:temporal-unavailable")


async def test_a_gateway_without_search_attributes_is_not_ready_and_its_calls_say_to_try_again(
    gateway: Open, caplog: pytest.LogCaptureFixture
) -> None:
    async with gateway(BARE) as http:
        answers = [await http.get("/ready") for _ in range(5)]
        called = await http.post("/FanOutWorker/run", json={"description": "a"})
    assert {answer.status_code for answer in answers} == {503}
    assert answers[0].json()["checks"] == {"temporal": "lacks search attributes", "database": "ok"}
    [line] = [line for line in caplog.messages if line.startswith("the check of temporal")]
    assert "Pattern, PatternKey, PatternStatus" in line
    assert (called.status_code, called.json()["type"]) == (503, "urn:problem:temporal-unavailable")


async def test_a_gateway_whose_database_is_not_migrated_is_not_ready(gateway: Open, database_url: str) -> None:
    await downgrade(database_url)
    async with gateway() as http:
        answer = await http.get("/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"temporal": "ok", "database": "is not migrated"}


async def test_a_gateway_that_has_not_reached_temporal_is_not_ready(
    gateway: Open, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int, database_url: str
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{unused_tcp_port}")
    async with (
        open_gateway(Settings(database_url=database_url), KeyRing(), Authentication()) as opened,
        calling(opened) as http,
    ):
        answer = await http.get("/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"temporal": "cannot be reached", "database": "ok"}


async def test_a_worker_does_not_start_without_its_namespace(temporal: WorkflowEnvironment) -> None:
    address = temporal.client.service_client.config.target_host
    client = await Client.connect(address, namespace="missing")
    with pytest.raises(TemporalUnusable, match="'missing'; create it, or set TEMPORAL_NAMESPACE"):
        await check_temporal(client, PATIENCE)
