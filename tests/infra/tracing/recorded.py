"""The spans of some statements, one of which fails."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import delete, select, text, update

from infra.database import Database
from infra.database_engines import Limits
from infra.database_errors import DatabaseUnavailable
from infra.tables import ModerationHolds
from infra.tracing import spans
from infra.tracing.recorder import ChosenIds, OpenTelemetryRecorder

STATEMENTS = [
    "INSERT moderation_holds",
    "SELECT moderation_holds",
    "UPDATE moderation_holds",
    "DELETE moderation_holds",
]


@contextmanager
def recorded() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(id_generator=ChosenIds(), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    spans.switch(OpenTelemetryRecorder(provider))
    try:
        yield exporter
    finally:
        spans.switch(None)


async def of_statements(url: str, limits: Limits | None = None) -> Sequence[ReadableSpan]:
    """The spans of a transaction within a span and of one without, and of one that fails."""
    with recorded() as exporter:
        database = Database(url, limits)
        try:
            await _use(database)
        finally:
            await database.close()
    return exporter.get_finished_spans()


async def _use(database: Database) -> None:
    holds = ModerationHolds
    async with database.transaction() as connection:
        await connection.execute(select(holds))
    with spans.span("call", "INTERNAL"):
        async with database.transaction() as connection:
            await database.insert_once(connection, holds, user="Rumpelstilz")
            await connection.execute(select(holds).where(holds.user == "Rumpelstilz"))
            await connection.execute(update(holds).values(user="Quux").where(holds.user == "Rumpelstilz"))
            await connection.execute(delete(holds).where(holds.user == "Quux"))
        with pytest.raises(DatabaseUnavailable):
            async with database.transaction() as connection:
                await connection.execute(text("SELECT 'Rumpelstilz' FROM nowhere"))


def check(found: Sequence[ReadableSpan], system: str) -> None:
    *statements, failed, call = found
    assert [span.name for span in statements] == STATEMENTS
    assert {(span.attributes or {})["db.system.name"] for span in found if span is not call} == {system}
    assert (failed.name, failed.status.is_ok) == ("SQL", False)
    assert {span.parent.span_id for span in (*statements, failed) if span.parent} == {call.context.span_id}
    texts = "".join(span.to_json() for span in found)
    assert not [term for term in ("Rumpelstilz", "Quux", "nowhere") if term in texts]
