"""A statement is a span with its operation and table, in PostgreSQL as in SQLite."""

from tests.infra.postgresql.server import PostgresServer
from tests.infra.tracing.recorded import check, of_statements


async def test_a_statement_is_a_span_without_its_values(postgres: PostgresServer, migrated: str) -> None:
    check(await of_statements(postgres.url(database=migrated)), "postgresql")
