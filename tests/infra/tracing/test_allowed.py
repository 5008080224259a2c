"""What is not allowed does not leave the process, whatever made the span."""

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from infra.tracing.allowed import AllowedOnly


def test_only_names_times_outcomes_and_allowed_attributes_are_exported() -> None:
    exported = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(AllowedOnly(exported)))
    state = TraceState([("vendor", "Rumpelstilz")])
    linked = SpanContext(1, 2, is_remote=True, trace_state=state)
    caller = set_span_in_context(NonRecordingSpan(SpanContext(3, 4, True, TraceFlags(TraceFlags.SAMPLED), state)))
    span = provider.get_tracer("test").start_span(
        "POST /UserFeed/{key}/processPost",
        caller,
        kind=SpanKind.SERVER,
        links=[Link(linked, {"key": "Rumpelstilz"})],
        attributes={"url.path": "/UserFeed/Rumpelstilz", "temporalWorkflowID": "user-feed:Rumpelstilz"},
    )
    span.set_attributes({"http.route": "/UserFeed/{key}/processPost", "http.response.status_code": 200})
    span.record_exception(ValueError("Rumpelstilz"))
    span.add_event("Rumpelstilz")
    span.set_status(Status(StatusCode.ERROR, "Rumpelstilz"))
    span.end()
    assert isinstance(span, ReadableSpan)
    (sent,) = exported.get_finished_spans()
    assert "Rumpelstilz" not in sent.to_json()
    assert (sent.name, sent.kind, sent.status.status_code) == (span.name, SpanKind.SERVER, StatusCode.ERROR)
    assert dict(sent.attributes or {}) == {
        "http.route": "/UserFeed/{key}/processPost",
        "http.response.status_code": 200,
    }
    assert [(link.context.trace_id, link.context.span_id) for link in sent.links] == [(1, 2)]
    assert (sent.context.trace_id, sent.context.span_id) == (3, span.context.span_id)
    assert sent.parent
    assert (sent.parent.span_id, sent.parent.is_remote) == (4, True)
    assert not [each for each in (sent.context, sent.parent, sent.links[0].context) if each.trace_state]
    assert (sent.start_time, sent.end_time) == (span.start_time, span.end_time)
