"""One database for all downstream systems: SQLite by default, PostgreSQL by URL.

Every write is idempotent by its key. Cancelling what does not exist spends the key: a row says so.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from infra.tables import Table

SQLITE_BUSY_TIMEOUT_MS = 10_000
POSTGRES_POOL_SIZE = 10
DATABASE_UNAVAILABLE = (OperationalError, InterfaceError, PoolTimeout, ConnectionError)
"""Errors worth retrying: the database is unreachable or locked, or its connection pool is exhausted."""


class Database:
    """Connections to the database at `url`."""

    def __init__(self, url: str) -> None:
        self._is_sqlite = make_url(url).get_backend_name() == "sqlite"
        self._engine = (
            _sqlite_engine(url)
            if self._is_sqlite
            else create_async_engine(url, pool_size=POSTGRES_POOL_SIZE, pool_pre_ping=True)
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Commit everything that the body writes, or nothing if it raises."""
        async with self._engine.begin() as connection:
            yield connection

    async def insert_once(
        self, connection: AsyncConnection, table: type[Table], *, unique: str | None = None, **values: Any
    ) -> bool:
        """Insert a row unless one with its primary key, or its column `unique`, exists. Return whether it was new."""
        inserted = await connection.execute(self._insert_once(table, unique).values(_storable(values)))
        return inserted.rowcount == 1

    async def insert_each_once(
        self,
        connection: AsyncConnection,
        table: type[Table],
        rows: Iterable[Mapping[str, Any]],
        *,
        unique: str | None = None,
    ) -> None:
        """Insert, in order, the rows that do not exist yet. A row maps names of columns to values."""
        if storable := [_storable(row) for row in rows]:
            await connection.execute(self._insert_once(table, unique), storable)

    def _insert_once(self, table: type[Table], unique: str | None) -> sqlite.Insert | postgresql.Insert:
        key = [unique] if unique else [column.name for column in table.__table__.primary_key]
        insert = sqlite.insert if self._is_sqlite else postgresql.insert
        return insert(table).on_conflict_do_nothing(index_elements=key)

    async def check(self) -> None:
        """Raises `SQLAlchemyError` or `OSError` if the database does not answer."""
        async with self._engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self._engine.dispose()


def _storable(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: without_nul(value) for name, value in row.items()}


def without_nul(value: Any) -> Any:
    """Replace U+0000, the one character that PostgreSQL cannot store in a text."""
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value


def _sqlite_engine(url: str) -> AsyncEngine:
    if path := make_url(url).database:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    # One connection per process: writers queue here instead of competing for the file's lock.
    engine = create_async_engine(url, pool_size=1, max_overflow=0, pool_timeout=60)

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions by itself
        for pragma in (f"busy_timeout={SQLITE_BUSY_TIMEOUT_MS}", "journal_mode=WAL", "synchronous=NORMAL"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Any) -> None:
        # A transaction that begins as a reader and then writes fails at once if another has written in between.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
