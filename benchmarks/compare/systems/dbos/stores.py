"""Where DBOS keeps workflows, and the application its tables: SQLite files or a PostgreSQL database."""

import os
from typing import Any

import sqlalchemy
from dbos import AsyncSQLAlchemyDatasource, DBOSConfig
from sqlalchemy import event
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.compare.systems.dbos.services.package_tracker import TABLES

_LOCK = 1


def config(url: str) -> DBOSConfig:
    """A process is an executor of its own."""
    common: DBOSConfig = {"name": "benchmark", "executor_id": str(os.getpid()), "log_level": "WARNING"}
    if url.startswith("postgresql:"):
        return {**common, "system_database_url": url}
    return {**common, "system_database_url": url, "system_database_engine": _sqlite_engine(url)}


async def open_tables(url: str) -> AsyncSQLAlchemyDatasource:
    """The application's own tables, in the same database on PostgreSQL, in a file of their own on SQLite."""
    if url.startswith("postgresql:"):
        tables = await AsyncSQLAlchemyDatasource.create(url.replace("postgresql:", "postgresql+psycopg:"))
    else:
        own = url.replace("sqlite:", "sqlite+aiosqlite:") + "-tables"
        engine = create_async_engine(own)
        event.listen(engine.sync_engine, "connect", _as_durable_as_the_others)
        tables = await AsyncSQLAlchemyDatasource.create(own, engine=engine)
    async with tables.engine.begin() as connection:
        if url.startswith("postgresql:"):  # each process makes the tables that are not there yet
            await connection.execute(sqlalchemy.select(sqlalchemy.func.pg_advisory_xact_lock(_LOCK)))
        await connection.run_sync(TABLES.create_all)
    return tables


def _sqlite_engine(url: str) -> sqlalchemy.Engine:
    """As DBOS makes it, and with the settings that the other systems' SQLite has."""
    engine = sqlalchemy.create_engine(url)
    event.listen(engine, "connect", _as_durable_as_the_others)
    return engine


def _as_durable_as_the_others(connection: Any, record: object) -> None:
    del record
    connection.isolation_level = "IMMEDIATE"
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA busy_timeout=30000")
    connection.execute("PRAGMA foreign_keys=ON")
