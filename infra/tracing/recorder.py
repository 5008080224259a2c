"""Records spans with OpenTelemetry's SDK. Imported only when there is a collector."""

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from domain.traces import PARENT, STATE, Cause, trace_headers
from infra.tracing.spans import Attributes, Kind
from infra.tracing.statements import record_statements
from infra.tracing.temporal import WorkflowSpan, interceptor

_PROBES = frozenset({"/health", "/ready", "/metrics"})
_PROPAGATOR = TraceContextTextMapPropagator()
"""No baggage: it is a caller's free text."""


class ChosenIds(RandomIdGenerator):
    """Random IDs, except for a span of a workflow: each replay of the workflow must know it by the same ID."""

    chosen: ContextVar[int | None] = ContextVar("chosen", default=None)

    def generate_span_id(self) -> int:
        return self.chosen.get() or super().generate_span_id()


class OpenTelemetryRecorder:
    """Records to `provider`, whose IDs are `ChosenIds`."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("durable_patterns")

    @contextmanager
    def span(self, name: str, kind: Kind, cause: Cause | None, attributes: Attributes) -> Iterator["_Active"]:
        with self._tracer.start_as_current_span(
            name,
            context=None if cause is None else _context(cause),
            kind=SpanKind[kind],
            attributes=attributes,
            links=_links(cause),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield _Active(span)
            except Exception as error:
                _failed(span, error)
                raise

    def workflow_span(self, done: WorkflowSpan) -> None:
        """Record what a workflow did, after it has done it."""
        token = ChosenIds.chosen.set(int(done.span_id, 16))
        try:
            span = self._tracer.start_span(
                done.name,
                _context(done.cause),
                SpanKind.SERVER,
                done.attributes,
                _links(done.cause),
                start_time=done.start_ns,
            )
        finally:
            ChosenIds.chosen.reset(token)
        if done.error is not None:
            _failed(span, done.error)
        span.end(done.end_ns)

    def current(self) -> str | None:
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        return " ".join(carrier[name] for name in (PARENT, STATE) if name in carrier) or None

    def interceptors(self) -> list[Any]:
        return [interceptor(self.workflow_span)]

    def watch(self, engine: Any) -> None:
        record_statements(engine, self._tracer)

    def fastapi(self) -> dict[str, Any]:
        return {"tracing": True, "tracer_provider": self._provider, "exclude": _is_probe}


class _Active:
    def __init__(self, span: Span) -> None:
        self._span = span

    def attribute(self, name: str, value: str | int) -> None:
        self._span.set_attribute(name, value)


def error_type(error: BaseException) -> str:
    """The name of the error's class; of an error that an activity raised, that of the activity's error."""
    while not isinstance(error, ApplicationError) and isinstance(error.__cause__, ApplicationError):
        error = error.__cause__
    named = error.type if isinstance(error, ApplicationError) else None
    return named or type(error).__name__


def _failed(span: Span, error: BaseException) -> None:
    span.set_attribute("error.type", error_type(error))
    if not (isinstance(error, ApplicationError) and error.category is ApplicationErrorCategory.BENIGN):
        span.set_status(Status(StatusCode.ERROR))


def _context(cause: Cause) -> Context:
    return _PROPAGATOR.extract(trace_headers(cause.parent), Context()) if cause.parent else Context()


def _links(cause: Cause | None) -> list[Link]:
    contexts = map(_span_context, cause.links) if cause else ()
    return [Link(context) for context in contexts if context.is_valid]


def _span_context(text: str) -> SpanContext:
    return trace.get_current_span(_PROPAGATOR.extract(trace_headers(text), Context())).get_span_context()


def _is_probe(scope: MutableMapping[str, Any]) -> bool:
    return scope.get("path") in _PROBES
