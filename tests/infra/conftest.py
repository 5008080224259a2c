"""A fresh database for each test: SQLite, and PostgreSQL too if `TEST_POSTGRES_URL` names one that may be emptied."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from shutil import copytree

import pytest

from infra.database import Database
from tests.infra.schema import PATIENT, downgrade, upgrade

POSTGRES_URL = os.environ.get("TEST_POSTGRES_URL")


@pytest.fixture(scope="session")
async def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an SQLite database with every table, to be copied: the migrations take a tenth of a second."""
    folder = tmp_path_factory.mktemp("migrated")
    await upgrade(f"sqlite+aiosqlite:///{folder}/patterns.db")
    return folder


@pytest.fixture(params=[None, *filter(None, [POSTGRES_URL])], ids=lambda url: "postgresql" if url else "sqlite")
async def database_url(request: pytest.FixtureRequest, tmp_path: Path, migrated: Path) -> AsyncIterator[str]:
    """The URL of a database with every table and no row."""
    if request.param is None:
        copy = copytree(migrated, tmp_path / "folder")
        yield f"sqlite+aiosqlite:///{copy}/patterns.db"
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
