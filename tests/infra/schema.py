"""Bring a database's schema up to date, or take it away."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config

ALEMBIC_INI = Path(__file__).parents[2] / "alembic.ini"


def alembic_config(url: str) -> Config:
    return Config(ALEMBIC_INI, attributes={"database_url": url})


async def upgrade(url: str) -> None:
    await asyncio.to_thread(command.upgrade, alembic_config(url), "head")


async def downgrade(url: str) -> None:
    await asyncio.to_thread(command.downgrade, alembic_config(url), "base")


async def check(url: str) -> None:
    """Raises `CommandError` if the tables in code and in the database differ."""
    await asyncio.to_thread(command.check, alembic_config(url))
