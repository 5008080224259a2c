"""The production stack, which the tests of this folder share. `make production` runs them."""

import os
import sys
from collections.abc import AsyncIterator
from typing import NoReturn

import httpx2
import pytest

from tests.api.security.gateways import bearing
from tests.chaos.stormy_stack import MAX_CONNECTIONS
from tests.compose import version_of
from tests.conftest import apache_kafka_here
from tests.infra.postgresql.server import MISSING, find_programs, folder_of_postgres
from tests.production.outside import Outside, running_outside
from tests.production.stack import ProductionStack, Tools, settings_with
from tests.production.temporal_programs import build_once

SETTINGS = {
    "WAL_ARCHIVE": "on",
    "REMINDER_INTERVAL": "PT2S",
    "KAFKA_ALLOWED": '{"my-cluster": ["social-media-posts", "package-location-updates", "chaos-*"]}',
}
"""What differs from what docker-compose.yml sets by itself: backups, reminders within seconds, the storms' topics, and
the addresses of what is outside."""


@pytest.fixture(scope="session")
def tools(pytestconfig: pytest.Config) -> Tools:
    """Skips the test on a machine without them; fails if PRODUCTION=required."""
    postgres = find_programs()
    if postgres is None or not (postgres / "psql").exists():
        _do_without(MISSING)
    kafka = apache_kafka_here(pytestconfig)
    if isinstance(kafka, str) or kafka.jars is None:
        _do_without(f"Apache Kafka {kafka if isinstance(kafka, str) else 'needs Java and Maven'}")
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def say(text: str) -> None:
        with capture.global_and_fixture_disabled():
            sys.stdout.write(f"\n{text}\n")
            sys.stdout.flush()

    temporal = build_once(version_of("temporalio/server"), say)
    if isinstance(temporal, str):
        _do_without(temporal)
    return Tools(postgres, temporal, kafka.jars)


def _do_without(what: str) -> NoReturn:
    if os.environ.get("PRODUCTION") == "required":
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
async def outside() -> AsyncIterator[Outside]:
    async with running_outside() as running:
        yield running


@pytest.fixture(scope="session")
async def production(
    tools: Tools, outside: Outside, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ProductionStack]:
    """`log.txt` of its folder has what its processes say."""
    folder = tmp_path_factory.mktemp("production")
    with (folder / "log.txt").open("w") as log:

        def keep(name: str, line: str) -> None:
            print(f"{name:18} {line}", file=log, flush=True)

        with folder_of_postgres() as place:
            async with ProductionStack(
                tools, folder, settings_with(**SETTINGS, **outside.settings), keep, place
            ) as stack:
                yield stack


@pytest.fixture
async def http(production: ProductionStack) -> AsyncIterator[httpx2.AsyncClient]:
    """The gateway, with an API key."""
    limits = httpx2.Limits(max_connections=MAX_CONNECTIONS)
    headers = bearing(production.keys["me"])
    url = production.gateway_url
    async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=90, limits=limits) as client:
        yield client
