"""Spans of SQL statements: operation and table, never the statement or its values.

A statement outside of any span, such as a check of the database, has none.
"""

from typing import Any

from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, get_current_span
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.selectable import FromClause, Select, TableClause

_SPAN = "tracing_span"


def record_statements(engine: Engine, tracer: Tracer) -> None:
    """Record each statement of `engine` that is part of a span."""

    @event.listens_for(engine, "before_cursor_execute")
    def before(_: Any, __: Any, ___: str, ____: Any, context: Any, _____: bool) -> None:
        # Without `compiled` it is none of ours.
        if context is None or context.compiled is None or not get_current_span().get_span_context().is_valid:
            return
        operation, table = _described(context)
        attributes = {"db.system.name": engine.dialect.name, "db.operation.name": operation}
        if table:
            attributes["db.collection.name"] = table
        span = tracer.start_span(f"{operation} {table}".strip(), kind=SpanKind.CLIENT, attributes=attributes)
        setattr(context, _SPAN, span)

    @event.listens_for(engine, "after_cursor_execute")
    def after(_: Any, __: Any, ___: str, ____: Any, context: Any, _____: bool) -> None:
        if span := _span_of(context):
            span.end()

    @event.listens_for(engine, "handle_error")
    def on_error(failed: ExceptionContext) -> None:
        if span := _span_of(failed.execution_context):
            span.set_attribute("error.type", type(failed.original_exception).__name__)
            span.set_status(Status(StatusCode.ERROR))
            span.end()


def _span_of(context: Any) -> Span | None:
    span: Span | None = getattr(context, _SPAN, None)
    return span


def _described(context: Any) -> tuple[str, str]:
    """The operation and the table of a statement."""
    statement = context.compiled.statement
    operation = str(getattr(statement, "__visit_name__", "")).upper()
    if isinstance(statement, UpdateBase):
        return operation, _table(statement.table)
    if isinstance(statement, Select):
        froms = statement.get_final_froms()
        return "SELECT", _table(froms[0]) if len(froms) == 1 else ""
    return "SQL", ""


def _table(table: FromClause) -> str:
    return table.name if isinstance(table, TableClause) else ""
