"""Migrations of the database that `DATABASE_URL` names: `python -m alembic upgrade head`."""

import asyncio

from alembic import context
from sqlalchemy import Connection

from infra import logs
from infra.database import Database
from infra.settings import load_settings
from infra.tables import Table


def migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Table.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


async def main() -> None:
    database = Database(load_settings().database_url)
    async with database.transaction() as connection:
        await connection.run_sync(migrate)
    await database.close()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    logs.configure("text")
    asyncio.run(main())
