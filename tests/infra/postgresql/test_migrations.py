"""Migrations of one database that begin at the same time, as when each replica of a deployment runs them."""

import pytest

from tests.infra.postgresql.conftest import Open
from tests.infra.postgresql.server import PostgresServer
from tests.infra.schema import check, upgrade_at_once


@pytest.mark.parametrize("attempt", range(3))
async def test_each_process_succeeds_and_the_database_is_migrated_once(
    postgres: PostgresServer, name: str, open_database: Open, attempt: int
) -> None:
    url = postgres.url(database=name)
    assert await upgrade_at_once(url) == []
    await check(url)
    await open_database(url).check()
