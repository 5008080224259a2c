import asyncio
import gc
import random
import sqlite3
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text

from infra.database import Database
from infra.database_errors import READ_ONLY, DatabaseUnavailable
from infra.tables import REVISION, ClosedInvoices, ModerationHolds
from tests.infra.rows import rows
from tests.infra.schema import ALEMBIC_INI, PATIENT, check, downgrade, upgrade


async def close(database: Database, invoice: str) -> bool:
    async with database.transaction() as connection:
        return await database.insert_once(connection, ClosedInvoices, invoice=invoice, status="PAID")


async def set_revision(database: Database, revision: str) -> None:
    async with database.transaction() as connection:
        await connection.execute(text("DELETE FROM alembic_version"))
        await connection.execute(text(f"INSERT INTO alembic_version VALUES ('{revision}')"))


class TestMigrations:
    async def test_leave_no_difference_to_the_tables_in_code(self, database_url: str) -> None:
        await check(database_url)

    async def test_can_be_reverted_and_applied_again(self, database_url: str) -> None:
        await downgrade(database_url)
        await upgrade(database_url)
        await check(database_url)

    async def test_applied_twice_keep_the_rows(self, database_url: str, database: Database) -> None:
        await close(database, "in_1")
        await upgrade(database_url)
        assert len(await rows(database, ClosedInvoices)) == 1


class TestTransaction:
    async def test_that_fails_leaves_nothing(self, database: Database) -> None:
        async def close_and_fail() -> None:
            async with database.transaction() as connection:
                await database.insert_once(connection, ClosedInvoices, invoice="in_1", status="PAID")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await close_and_fail()
        assert await rows(database, ClosedInvoices) == []

    async def test_inserts_a_row_once_however_many_try(self, database: Database) -> None:
        inserted = await asyncio.gather(*(close(database, "in_1") for _ in range(50)))
        assert inserted.count(True) == 1
        assert len(await rows(database, ClosedInvoices)) == 1

    async def test_succeeds_hundreds_of_times_in_two_processes_at_once(
        self, database_url: str, database: Database
    ) -> None:
        other = Database(database_url, PATIENT)
        writes = [close(each, f"{name}-{n}") for name, each in (("a", database), ("b", other)) for n in range(300)]
        try:
            assert all(await asyncio.gather(*writes))
        finally:
            await other.close()
        assert len(await rows(database, ClosedInvoices)) == 600

    async def test_that_is_cancelled_midway_releases_the_lock_and_the_connection(
        self, database_url: str, database: Database
    ) -> None:
        for number in range(100):
            task = asyncio.create_task(close(database, f"in_{number}"))
            for _ in range(random.randrange(500)):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        del task
        gc.collect()
        other = Database(database_url, PATIENT)
        try:
            async with asyncio.timeout(60):
                assert await close(other, "after")
                assert await close(database, "at last")
        finally:
            await other.close()

    async def test_stores_the_one_character_that_postgresql_refuses_as_its_replacement(
        self, database: Database
    ) -> None:
        async with database.transaction() as connection:
            await database.insert_once(connection, ModerationHolds, user="nul \0 inside")
        assert [row.user for row in await rows(database, ModerationHolds)] == ["nul \N{REPLACEMENT CHARACTER} inside"]


class TestSqliteFile:
    async def test_has_a_write_ahead_log_and_a_folder_made_for_it(self, tmp_path: Path) -> None:
        file = tmp_path / "new" / "folder" / "patterns.db"
        await upgrade(f"sqlite+aiosqlite:///{file}")
        reader = sqlite3.connect(file)
        assert reader.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        reader.close()


class TestCheck:
    async def test_passes_when_the_database_answers(self, database: Database) -> None:
        await database.check()

    async def test_raises_when_there_is_no_database(self, tmp_path: Path) -> None:
        (tmp_path / "patterns.db").mkdir()
        opened = Database(f"sqlite+aiosqlite:///{tmp_path}/patterns.db")
        with pytest.raises(DatabaseUnavailable, match="cannot be reached"):
            await opened.check()
        await opened.close()

    async def test_raises_when_the_file_is_read_only(self, tmp_path: Path) -> None:
        await upgrade(f"sqlite+aiosqlite:///{tmp_path}/patterns.db")
        read_only = Database(f"sqlite+aiosqlite:///file:{tmp_path}/patterns.db?mode=ro&uri=true")
        with pytest.raises(DatabaseUnavailable) as caught:
            await read_only.check()
        assert caught.value.state == READ_ONLY
        await read_only.close()

    @pytest.mark.parametrize("revision", [None, "0000", "deadbeef"])
    async def test_raises_when_the_database_is_not_migrated(
        self, database: Database, database_url: str, revision: str | None
    ) -> None:
        if revision is None:
            await downgrade(database_url)
        else:
            await set_revision(database, revision)
        with pytest.raises(DatabaseUnavailable) as raised:
            await database.check()
        assert raised.value.state == "is not migrated"
        if revision is None:
            await upgrade(database_url)
        else:
            await set_revision(database, REVISION)

    async def test_passes_when_a_later_version_has_migrated_the_database(self, database: Database) -> None:
        await set_revision(database, "0002")
        await database.check()
        await set_revision(database, REVISION)

    async def test_raises_when_a_table_is_missing(self, database: Database) -> None:
        async with database.transaction() as connection:
            await connection.execute(text("ALTER TABLE tickets RENAME TO elsewhere"))
        with pytest.raises(DatabaseUnavailable, match=r"is not migrated: .*tickets"):
            await database.check()
        async with database.transaction() as connection:
            await connection.execute(text("ALTER TABLE elsewhere RENAME TO tickets"))

    def test_knows_the_last_migration(self) -> None:
        assert ScriptDirectory.from_config(Config(ALEMBIC_INI)).get_heads() == [REVISION]

    async def test_raises_when_no_server_listens(self, unused_tcp_port: int) -> None:
        opened = Database(f"postgresql+asyncpg://nobody@127.0.0.1:{unused_tcp_port}/nothing")
        with pytest.raises(DatabaseUnavailable, match="cannot be reached"):
            await opened.check()
        await opened.close()
