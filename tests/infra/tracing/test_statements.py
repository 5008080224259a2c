"""A statement is a span with its operation and table."""

from tests.infra.tracing.recorded import check, of_statements


async def test_a_statement_is_a_span_without_its_values(database_url: str) -> None:
    system = "sqlite" if database_url.startswith("sqlite") else "postgresql"
    check(await of_statements(database_url), system)
