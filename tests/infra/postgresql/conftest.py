"""A PostgreSQL server that tests may break. Its tests are skipped where PostgreSQL is not installed."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta

import asyncpg
import pytest

from infra.database import Database
from infra.database_engines import Limits
from tests.eventually import eventually
from tests.infra.postgresql.server import MISSING, PostgresServer, find_programs, running_postgres
from tests.infra.schema import upgrade

SHORT = Limits(connections=3, connect=timedelta(seconds=1), transaction=timedelta(seconds=1))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    programs = find_programs()
    if programs is None:
        pytest.skip(MISSING)
    with running_postgres(programs) as running:
        yield running


@pytest.fixture
async def postgres(postgres_server: PostgresServer) -> PostgresServer:
    """The server, when it answers."""

    async def answers() -> bool:
        try:
            return bool(await postgres_server.run("SELECT 1"))
        except (OSError, asyncpg.PostgresError):
            return False

    await eventually(answers)
    return postgres_server


@pytest.fixture
async def name(postgres: PostgresServer) -> str:
    """The name of a new database without tables."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    await postgres.run(f"CREATE DATABASE {name}")
    return name


@pytest.fixture
async def migrated(postgres: PostgresServer, name: str) -> str:
    await upgrade(postgres.url(database=name))
    return name


Open = Callable[[str], Database]


@pytest.fixture
async def open_database() -> AsyncIterator[Open]:
    """Opens databases with short limits, and closes them after the test."""
    opened: list[Database] = []

    def open_one(url: str) -> Database:
        opened.append(Database(url, SHORT))
        return opened[-1]

    yield open_one
    await asyncio.gather(*(database.close() for database in opened))


@pytest.fixture
def database(open_database: Open, postgres: PostgresServer, migrated: str) -> Database:
    return open_database(postgres.url(database=migrated))
