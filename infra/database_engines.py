"""How databases are opened: the engines of SQLite and PostgreSQL, and their limits."""

import inspect
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from infra import sqlite_connection
from infra.database_errors import spoils_the_connection

SQLITE_BUSY_TIMEOUT_MS = 10_000
ONE_STATEMENT = "one_statement"
"""The execution option of transactions that have a single statement: SQLite needs no other for them."""
DRIVERS = ("sqlite+aiosqlite", "postgresql+asyncpg")
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


@dataclass(frozen=True)
class Limits:
    """How much of a PostgreSQL server a process uses, and how long it waits. SQLite waits 10 s for its lock."""

    connections: int = 10
    """The most connections of this process."""
    connect: timedelta = timedelta(seconds=3)
    """To get a connection that answers, from the pool or a new one."""
    transaction: timedelta | None = timedelta(seconds=5)
    """For a transaction, waits for locks included; None for migrations."""

    def server_settings(self) -> dict[str, str]:
        """What PostgreSQL enforces: it ends a statement, also if this process has stopped in a transaction."""
        settings = {"application_name": "durable-patterns"}
        if self.transaction is not None:
            limit = round(self.transaction / timedelta(milliseconds=1))
            settings["statement_timeout"] = settings["idle_in_transaction_session_timeout"] = f"{limit}"
            settings["lock_timeout"] = f"{max(1, limit * 4 // 5)}"  # sooner, so that the error says which it was
        return settings


def usable_url(url: str) -> str:
    """Return `url` if a `Database` can be opened with it. Raises `ValueError`, which does not repeat the URL."""
    try:
        parts = make_url(url)
        driver = parts.drivername
    except (ArgumentError, ValueError):
        driver = ""
    if driver not in DRIVERS:
        raise ValueError(f"not an SQLAlchemy URL that begins with {' or '.join(DRIVERS)}") from None
    if driver == DRIVERS[1]:
        known = {*inspect.signature(asyncpg.connect).parameters, "prepared_statement_cache_size"}
        if unknown := sorted(set(parts.query) - known):
            raise ValueError(f"asyncpg.connect has no parameter {', '.join(unknown)}; TLS is ssl=verify-full")
        if parts.query.get("ssl", "disable") not in SSL_MODES:
            raise ValueError(f"ssl is one of {', '.join(SSL_MODES)}")
    return url


def postgresql_engine(url: str, limits: Limits) -> AsyncEngine:
    connect = limits.connect.total_seconds()
    engine = create_async_engine(
        url,
        hide_parameters=True,
        pool_size=limits.connections,
        max_overflow=0,
        pool_timeout=2 * connect,  # `Database.transaction` ends the wait earlier
        pool_pre_ping=True,
        connect_args={"timeout": connect, "server_settings": limits.server_settings()},
    )

    @event.listens_for(engine.sync_engine, "handle_error")
    def on_error(context: ExceptionContext) -> None:
        if context.sqlalchemy_exception is not None and spoils_the_connection(context.sqlalchemy_exception):
            context.is_disconnect = True

    return engine


def sqlite_engine(url: str) -> AsyncEngine:
    """Raises `SystemExit` with a line if the folder of the file cannot be made."""
    if path := make_url(url).database:
        _make_folder(Path(path).parent)
    # One connection per process: writers queue here instead of competing for the file's lock.
    engine = create_async_engine(
        url,
        hide_parameters=True,
        pool_size=1,
        max_overflow=0,
        pool_timeout=60,
        async_creator=partial(sqlite_connection.connect, url),
    )

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions by itself
        for pragma in (f"busy_timeout={SQLITE_BUSY_TIMEOUT_MS}", "journal_mode=WAL", "synchronous=NORMAL"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Any) -> None:
        if not connection.get_execution_options().get(ONE_STATEMENT):
            connection.connection.driver_connection.begin()

    return engine


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SystemExit(f"DATABASE_URL: the folder {folder} cannot be made: {error.strerror}.") from None
