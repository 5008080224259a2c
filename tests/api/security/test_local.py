"""A page in a browser on this machine cannot use an open gateway."""

import httpx2
import pytest

from infra.settings import Settings
from tests.api.security.gateways import EmptyTemporal, application, bearing, client_of, write_keys

LOCAL_HOSTS = [
    "localhost",
    "localhost:8080",
    "LOCALHOST",
    "127.0.0.1:8080",
    "[::1]:8080",
    "192.0.2.7",
    "app.localhost",
    "",
]
FOREIGN_HOSTS = ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "[::1", "a@b"]
LOCAL_ORIGINS = ["http://localhost:3000", "http://127.0.0.1:8080", "https://[::1]"]
FOREIGN_ORIGINS = [
    "https://evil.example",
    "null",
    "",
    "http://192.0.2.7",
    "http://localhost.evil.example",
    "http://[::1",
]
POST = {"content": "Hi", "metadata": ""}


async def status(alone: httpx2.AsyncClient, headers: dict[str, str]) -> int:
    """The answer to a post."""
    answer = await alone.post("/UserFeed/ann/processPost/send", json=POST, headers=headers)
    if answer.status_code == 403:
        assert answer.json()["type"] == "urn:problem:not-local"
    return answer.status_code


@pytest.mark.parametrize("headers", [*({"Host": h} for h in LOCAL_HOSTS), *({"Origin": o} for o in LOCAL_ORIGINS)])
async def test_programs_and_pages_of_this_machine_are_served(
    alone: httpx2.AsyncClient, empty_temporal: EmptyTemporal, headers: dict[str, str]
) -> None:
    assert await status(alone, headers) == 503, "this Temporal takes nothing"
    assert empty_temporal.asked


@pytest.mark.parametrize("headers", [*({"Host": h} for h in FOREIGN_HOSTS), *({"Origin": o} for o in FOREIGN_ORIGINS)])
async def test_pages_of_other_sites_are_refused(
    alone: httpx2.AsyncClient, empty_temporal: EmptyTemporal, headers: dict[str, str]
) -> None:
    assert await status(alone, headers) == 403
    assert empty_temporal.asked == []


async def test_probes_and_the_documentation_are_served_under_any_name(alone: httpx2.AsyncClient) -> None:
    for path in ("/health", "/docs", "/openapi.json"):
        assert (await alone.get(path, headers={"Host": "gateway.internal"})).status_code == 200


async def test_with_credentials_any_name_will_do(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("keys") / "keys.json"
    keys = write_keys(file, {"prometheus": {"roles": ["metrics"]}})
    http = client_of(application(Settings(api_keys_file=file)))
    foreign = {"Host": "api.example", "Origin": "https://app.example"}
    assert (await http.get("/metrics", headers=foreign | bearing(keys["prometheus"]))).status_code == 200
