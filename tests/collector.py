"""A collector of traces: takes what OTLP exporters send over HTTP, and shows traces as trees."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Span:
    """A span as it arrived. IDs are in hexadecimal; `links` are pairs of trace and span."""

    service: str
    name: str
    kind: str
    trace: str
    id: str
    parent: str
    start: int
    end: int
    failed: bool
    attributes: dict[str, str | int]
    links: tuple[tuple[str, str], ...]
    events: int
    status_text: str


class Collector:
    """What has arrived so far."""

    def __init__(self, port: int) -> None:
        self.endpoint = f"http://{HOST}:{port}"
        self.spans: list[Span] = []
        self.raw: list[bytes] = []

    def take(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        for of_resource in request.resource_spans:
            service = str(_values(of_resource.resource.attributes)["service.name"])
            spans = [_span(service, span) for scope in of_resource.scope_spans for span in scope.spans]
            self.spans += spans
        self.raw.append(body)

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]

    def of(self, trace: str) -> list[Span]:
        """The spans of a trace, in the order in which they began."""
        return sorted((span for span in self.spans if span.trace == trace), key=lambda span: span.start)

    def tree(self, trace: str) -> str:
        """One line for each span, under that of its parent: its name and its process."""
        return "\n".join(_lines(self.of(trace)))


def _lines(spans: list[Span]) -> Iterator[str]:
    known = {span.id for span in spans}

    def under(parent: str | None, indent: str) -> Iterator[tuple[str, str]]:
        children = [s for s in spans if (s.parent == parent if parent else s.parent not in known)]
        for number, span in enumerate(children, 1):
            last = number == len(children)
            branch, below = ("└─ ", "   ") if last else ("├─ ", "│  ")
            if parent is None:
                branch = below = ""
            error = f" ✗ {span.attributes['error.type']}" if "error.type" in span.attributes else ""
            yield indent + branch + span.name + error, span.service.removeprefix("durable-patterns-")
            yield from under(span.id, indent + below)

    rows = list(under(None, ""))
    width = max((len(name) for name, _ in rows), default=0)
    return (f"{name:{width}}  {service}" for name, service in rows)


def _span(service: str, span: trace_pb2.Span) -> Span:
    return Span(
        service=service,
        name=span.name,
        kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        failed=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        attributes=_values(span.attributes),
        links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
        events=len(span.events),
        status_text=span.status.message,
    )


def _values(attributes: Iterable[KeyValue]) -> dict[str, str | int]:
    found: dict[str, str | int] = {}
    for attribute in attributes:
        value = attribute.value
        found[attribute.key] = value.int_value if value.HasField("int_value") else value.string_value
    return found


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/v1/traces":
                collector.take(body)
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.send_header("Content-Type", "application/x-protobuf")
            self.end_headers()
            self.wfile.write(ExportTraceServiceResponse().SerializeToString())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((HOST, 0), Handler)
    collector = Collector(server.server_port)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
