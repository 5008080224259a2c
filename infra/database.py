"""One database for all downstream systems: SQLite by default, PostgreSQL by URL.

Every write is idempotent by its key. Cancelling what does not exist spends the key: a row says so.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any
from weakref import WeakSet

import asyncpg
from sqlalchemy import Executable, Row, event, false, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import QueuePool
from temporalio.common import MetricMeter

from infra.database_engines import ONE_STATEMENT, Limits, postgresql_engine, sqlite_engine
from infra.database_errors import (
    FAILURES,
    NOT_MIGRATED,
    READ_ONLY,
    UNREACHABLE,
    DatabaseUnavailable,
    described,
)
from infra.database_metrics import PoolMetrics
from infra.retry_log import RetryLog
from infra.tables import REVISION, Table
from infra.tracing import spans

log = logging.getLogger("database")

CLOSE_TIMEOUT = timedelta(seconds=2)
"""For the server to answer the end of a connection."""
GRACE = timedelta(seconds=1)
"""From PostgreSQL's own timeout, which leaves the connection usable, until the connection is aborted."""


class Database:
    """Connections to the database at `url`.

    While the database fails, its log has a line per change, however many callers there are.
    """

    def __init__(self, url: str, limits: Limits | None = None, meter: MetricMeter = MetricMeter.noop) -> None:
        self._is_sqlite = make_url(url).get_backend_name() == "sqlite"
        self._limits = limits or Limits()
        self._engine = sqlite_engine(url) if self._is_sqlite else postgresql_engine(url, self._limits)
        self._connections: WeakSet[asyncpg.Connection] = WeakSet()
        if not self._is_sqlite:
            event.listen(self._engine.sync_engine, "connect", self._on_connect)
        self._for_one_statement = self._engine.execution_options(**{ONE_STATEMENT: True})
        spans.watch(self._engine.sync_engine)
        self._outages = RetryLog(log, "database: a transaction")
        self._metrics = PoolMetrics(meter, 1 if self._is_sqlite else self._limits.connections)

    def transaction(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Commit everything that the body writes, or nothing if it raises.

        Raises `DatabaseUnavailable`, on PostgreSQL after 9 s at the latest, and `DatabaseFault`.
        """
        return self._transaction(self._engine)

    async def execute(self, statement: Executable, **values: Any) -> Row[Any] | None:
        """Run a statement, which is a transaction of its own. Return the first row, if it returns any.

        Raises as `transaction` does. Make the statement once, with `bindparam`, and not for each call.
        """
        async with self._transaction(self._for_one_statement) as connection:
            result = await connection.execute(statement, _storable(values))
            return result.first() if result.returns_rows else None

    @asynccontextmanager
    async def _transaction(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        with self._describing_failures(), self._metrics.transaction() as begun:
            async with AsyncExitStack() as stack:
                async with asyncio.timeout(self._seconds_to_connect()):
                    connection = await stack.enter_async_context(engine.begin())
                begun()
                with self._aborting(await self._driver_connection(connection)):
                    # The commit is part of what may take too long.
                    async with stack.pop_all():
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
        return self.insert(table).on_conflict_do_nothing(index_elements=key)

    def insert(self, table: type[Table]) -> sqlite.Insert | postgresql.Insert:
        """An insert for which it can be said what to do when the row exists."""
        return sqlite.insert(table) if self._is_sqlite else postgresql.insert(table)

    async def check(self) -> None:
        """Raises `DatabaseUnavailable` unless the database can be read and written and has the tables of this code.

        Tables of a later version count as such, so that a new version can be migrated to while this one runs.
        """
        async with self.transaction() as connection:
            revisions = await connection.scalars(text("SELECT version_num FROM alembic_version"))
            if not any(_is_migrated(revision) for revision in revisions):
                raise _not_migrated()
            tables = (select(table).where(false()).exists() for table in Table.metadata.sorted_tables)
            await connection.execute(select(*tables))
            if await self._is_read_only(connection):
                await connection.invalidate()  # another connection may lead to another server, or to other settings
                raise DatabaseUnavailable(READ_ONLY, "its transactions cannot write (transaction_read_only is on)")

    async def close(self) -> None:
        """Close the connections; after 2 s abort those to a server that does not answer."""
        with _calling_after(CLOSE_TIMEOUT, self._abort_all):
            await self._engine.dispose()

    def _abort_all(self) -> None:
        log.warning("database: connections are aborted, since the server does not answer")
        for connection in list(self._connections):
            connection.terminate()

    def _on_connect(self, connection: Any, _: Any) -> None:
        self._connections.add(connection.driver_connection)

    @contextmanager
    def _describing_failures(self) -> Iterator[None]:
        try:
            yield
        except FAILURES as error:
            failure = self._out_of_time() if isinstance(error, TimeoutError) else described(error)
            if isinstance(failure, DatabaseUnavailable):
                self._outages.failed(failure, failure.state)
            raise failure from None
        except DatabaseUnavailable as error:
            self._outages.failed(error, error.state)
            raise
        self._outages.worked()

    def _out_of_time(self) -> DatabaseUnavailable:
        pool = self._engine.pool
        in_use = f"; {pool.checkedout()} connections of this process are in use" if isinstance(pool, QueuePool) else ""
        return DatabaseUnavailable(UNREACHABLE, f"there is no answer in time{in_use}")

    def _seconds_to_connect(self) -> float | None:
        return None if self._is_sqlite else self._limits.connect.total_seconds()

    async def _driver_connection(self, connection: AsyncConnection) -> asyncpg.Connection | None:
        if self._is_sqlite:
            return None
        driver_connection: asyncpg.Connection = (await connection.get_raw_connection()).driver_connection
        return driver_connection

    @contextmanager
    def _aborting(self, connection: asyncpg.Connection | None) -> Iterator[None]:
        """Abort `connection` if the body, which uses it, takes too long. Raises `TimeoutError` then.

        To cancel the task would not do: SQLAlchemy shields commit and rollback, and the driver would wait for the
        server to confirm the cancellation.
        """
        if connection is None or self._limits.transaction is None:
            yield
            return
        with _calling_after(self._limits.transaction + GRACE, connection.terminate) as timer:
            try:
                yield
            except DBAPIError:
                if asyncio.get_running_loop().time() >= timer.when():
                    raise TimeoutError from None
                raise

    async def _is_read_only(self, connection: AsyncConnection) -> bool:
        """SQLite begins on a read-only file too, and refuses what would write: `DatabaseUnavailable` then."""
        if self._is_sqlite:
            await connection.execute(text("UPDATE alembic_version SET version_num = version_num WHERE false"))
            return False
        return bool(await connection.scalar(text("SELECT current_setting('transaction_read_only')::bool")))


@contextmanager
def _calling_after(delay: timedelta, call: Callable[[], object]) -> Iterator[asyncio.TimerHandle]:
    """Call `call` if the body takes longer than `delay`."""
    timer = asyncio.get_running_loop().call_later(delay.total_seconds(), call)
    try:
        yield timer
    finally:
        timer.cancel()


def _is_migrated(revision: str) -> bool:
    return revision == REVISION or (revision.isdecimal() and len(revision) == len(REVISION) and revision > REVISION)


def _not_migrated() -> DatabaseUnavailable:
    return DatabaseUnavailable(NOT_MIGRATED, f"it needs revision {REVISION}: run `python -m alembic upgrade head`")


def _storable(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: without_nul(value) for name, value in row.items()}


def without_nul(value: Any) -> Any:
    """Replace U+0000, the one character that PostgreSQL cannot store in a text."""
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value
