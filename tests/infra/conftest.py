"""A fresh database for each test: SQLite, and PostgreSQL too if `TEST_POSTGRES_URL` names one that may be emptied."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.database import Database
from tests.infra.schema import PATIENT, downgrade, upgrade

POSTGRES_URL = os.environ.get("TEST_POSTGRES_URL")


@pytest.fixture(params=[None, *filter(None, [POSTGRES_URL])], ids=lambda url: "postgresql" if url else "sqlite")
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a database with every table and no row."""
    if request.param is None:
        url = f"sqlite+aiosqlite:///{tmp_path}/folder/patterns.db"
        await upgrade(url)
        yield url
        return
    await downgrade(request.param)
    await upgrade(request.param)
    yield request.param
    await downgrade(request.param)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url, PATIENT)
    yield opened
    await opened.close()
