"""Bring a database's schema up to date, or remove it.

The migrations run in this thread: a thread that used SQLAlchemy leaves greenlets behind, and if another thread does the
same while they are destroyed, CPython 3.11 hangs when it is traced, for example by coverage.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from infra.database import Database
from infra.database_engines import Limits

PATIENT = Limits(connect=timedelta(minutes=1), transaction=timedelta(minutes=1))
"""On a busy machine hundreds of transactions at a time take long."""
ALEMBIC_INI = Path(__file__).parents[2] / "alembic.ini"


async def upgrade(url: str) -> None:
    await _run(url, lambda config: command.upgrade(config, "head"))


async def downgrade(url: str) -> None:
    await _run(url, lambda config: command.downgrade(config, "base"))


async def check(url: str) -> None:
    """Raises `CommandError` if the tables in code and in the database differ."""
    await _run(url, command.check)


async def _run(url: str, run: Callable[[Config], object]) -> None:
    def run_on(connection: Connection) -> None:
        run(Config(ALEMBIC_INI, attributes={"connection": connection}))

    database = Database(url, Limits(transaction=None))
    async with database.transaction() as connection:
        await connection.run_sync(run_on)
    await database.close()


async def upgrade_at_once(url: str, processes: int = 3) -> list[str]:
    """Run `alembic upgrade head` in so many processes at the same time. Return what those that failed have said."""
    command = [sys.executable, "-m", "alembic", "upgrade", "head"]
    environment = {**os.environ, "DATABASE_URL": url}

    def run_one() -> str | None:
        done = subprocess.run(
            command, cwd=ALEMBIC_INI.parent, env=environment, check=False, capture_output=True, text=True
        )
        return done.stderr if done.returncode else None

    said = await asyncio.gather(*(asyncio.to_thread(run_one) for _ in range(processes)))
    return [each for each in said if each is not None]
