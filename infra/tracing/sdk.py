"""OpenTelemetry's SDK as this application uses it. Imported only when there is a collector."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import format_span_id, format_trace_id, get_current_span

from domain.traces import cause, span_id, trace_id
from infra.tracing.allowed import AllowedOnly
from infra.tracing.recorder import ChosenIds, OpenTelemetryRecorder

log = logging.getLogger("tracing")

LAST_SPANS_SECONDS = 3.0
"""How long the end of a process waits for the collector."""


@contextmanager
def recording(service: str) -> Iterator[OpenTelemetryRecorder]:
    """A recorder that sends to the collector in batches, from a thread. Log records get the IDs of their span."""
    is_named = SERVICE_NAME in OTELResourceDetector().detect().attributes
    resource = Resource.create({} if is_named else {SERVICE_NAME: service})
    provider = TracerProvider(resource=resource, id_generator=ChosenIds(), shutdown_on_exit=False)
    exporter = AllowedOnly(OTLPSpanExporter())
    provider.add_span_processor(BatchSpanProcessor(exporter))
    plain = logging.getLogRecordFactory()

    def with_ids(*args: object, **kwargs: object) -> logging.LogRecord:
        record = plain(*args, **kwargs)
        record.trace_id, record.span_id = _ids()
        return record

    logging.setLogRecordFactory(with_ids)
    try:
        yield OpenTelemetryRecorder(provider)
    finally:
        logging.setLogRecordFactory(plain)
        _send_the_last(provider, exporter)


def _send_the_last(provider: TracerProvider, exporter: AllowedOnly) -> None:
    """Without waiting for a collector that is unavailable: the exporter would, for 10 s or more."""
    sending = threading.Thread(target=provider.shutdown, daemon=True)
    sending.start()
    sending.join(LAST_SPANS_SECONDS)
    if sending.is_alive():
        log.warning("the last spans are lost: the collector does not take them")
        exporter.shutdown()


def _ids() -> tuple[str, str]:
    """The IDs of the current span, or of what a workflow works for; empty if there is neither."""
    current = get_current_span().get_span_context()
    if current.is_valid:
        return format_trace_id(current.trace_id), format_span_id(current.span_id)
    works_for = cause()
    if works_for and works_for.parent:
        return trace_id(works_for.parent), span_id(works_for.parent)
    return "", ""
