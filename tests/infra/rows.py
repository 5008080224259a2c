"""Read what is in a table."""

from typing import Any

from sqlalchemy import select

from infra.database import Database
from infra.tables import Table


async def rows(database: Database, table: type[Table]) -> list[Any]:
    """Every row, ordered by primary key."""
    query = select(table).order_by(*table.__table__.primary_key)
    async with database.transaction() as connection:
        return list(await connection.execute(query))
