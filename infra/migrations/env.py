"""Migrations of the database that `DATABASE_URL` names: `python -m alembic upgrade head`."""

import asyncio
import logging

from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection, text

from infra import logs
from infra.database import Database
from infra.database_engines import Limits
from infra.database_errors import DatabaseUnavailable
from infra.settings import load_settings
from infra.tables import Table

log = logging.getLogger("infra.migrations")

LOCK = 7_249_108_315_266_104_421
"""PostgreSQL's advisory lock for migrations of one database: a random number, which no other application uses."""


def migrate(connection: Connection) -> None:
    _wait_for_others(connection)
    context.configure(connection=connection, target_metadata=Table.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


def _wait_for_others(connection: Connection) -> None:
    """Migrate after whoever migrates this database now: the one who comes second finds nothing to do.

    The lock lasts to the end of the transaction, in which all of the migrations are. SQLite's transactions have a lock
    of their own, from their beginning.
    """
    if connection.dialect.name != "postgresql":
        return
    if not connection.scalar(text(f"SELECT pg_try_advisory_xact_lock({LOCK})")):
        log.info("another process migrates the database: waiting for its end")
        connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))


async def main(database: Database) -> None:
    """A migration takes as long as it takes. Raises `SystemExit` with a line if it cannot be done."""
    try:
        async with database.transaction() as connection:
            await connection.run_sync(migrate)
    except DatabaseUnavailable as error:
        raise SystemExit(str(error)) from None
    except CommandError as error:  # such as a database of a later version; alembic would write it to standard output
        raise SystemExit(f"The database cannot be migrated: {error}") from None
    finally:
        await database.close()


def run() -> None:
    settings = load_settings()
    logs.configure(settings.log_format, settings.log_level)
    asyncio.run(main(Database(settings.database_url, Limits(transaction=None))))


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    logs.run(run)
