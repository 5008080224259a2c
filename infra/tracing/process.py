"""Switches tracing on for a process, if the environment names a collector.

The variables are OpenTelemetry's own, read by its SDK: https://opentelemetry.io/docs/specs/otel/protocol/exporter/
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from infra.tracing import spans

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_HTTP = "http/protobuf"


class CannotTrace(SystemExit):
    """The environment asks for what this program cannot do. The message says what to change."""


@contextmanager
def traced(service: str) -> Iterator[None]:
    """Record spans while the body runs, and send what is left at its end.

    `service` is the process's name unless OTEL_SERVICE_NAME gives another. Raises `CannotTrace`.
    """
    if not is_on(os.environ):
        yield
        return
    from infra.tracing.sdk import recording  # noqa: PLC0415 : the SDK costs memory, and time at the start

    with recording(service) as recorder:
        spans.switch(recorder)
        try:
            yield
        finally:
            spans.switch(None)


def is_on(environment: Mapping[str, str]) -> bool:
    """Whether there is a collector. Raises `CannotTrace` for one that is spoken to otherwise than with OTLP by HTTP."""
    disabled = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip() or "otlp"
    if disabled or exporter == "none" or not any(environment.get(name) for name in _ENDPOINTS):
        return False
    if exporter != "otlp":
        raise CannotTrace(f"OTEL_TRACES_EXPORTER is {exporter!r}: only otlp and none are supported")
    for name in _PROTOCOLS:
        if environment.get(name, _HTTP) not in ("", _HTTP):
            raise CannotTrace(f"{name} is {environment[name]!r}: only {_HTTP} is supported, on port 4318 by default")
    return True
