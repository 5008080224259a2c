"""A process measures how many transactions wait for a connection, and for how long."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from infra.database import Database
from tests.eventually import eventually
from tests.monitoring.recording import Recording


async def test_a_transaction_waits_then_has_a_connection_then_has_none(tmp_path: Path) -> None:
    recording = Recording()
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/patterns.db", meter=recording.meter)

    def seen() -> tuple[float | None, ...]:
        return tuple(recording.value(f"database_pool_{name}") for name in ("size", "in_use", "waiting"))

    async def ask() -> None:
        async with database.transaction() as connection:
            await connection.execute(text("SELECT 1"))

    assert seen() == (1, 0, 0)
    async with database.transaction():
        assert seen() == (1, 1, 0)
        second = asyncio.create_task(ask())
        await eventually(lambda: seen() == (1, 1, 1))
    await second
    assert seen() == (1, 0, 0)
    assert recording.value("database_pool_wait_seconds_count") == 2
    await database.close()


async def test_a_wait_that_fails_ends_too(tmp_path: Path) -> None:
    recording = Recording()
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/patterns.db", meter=recording.meter)
    async with database.transaction():
        late = asyncio.create_task(database.check())
        await eventually(lambda: recording.value("database_pool_waiting") == 1)
        late.cancel()
        with pytest.raises(asyncio.CancelledError):
            await late
    assert recording.value("database_pool_waiting") == recording.value("database_pool_in_use") == 0
    await database.close()
