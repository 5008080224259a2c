"""Spans of what this process does. Until `infra.tracing.process` switches them on there are none, at no cost.

A span has a name of few values, times, an outcome and the attributes of `infra.tracing.allowed`: no content, no key.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal, Protocol

from domain.traces import Cause, trace_headers

Kind = Literal["INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]
Attributes = Mapping[str, str | int]


class ActiveSpan(Protocol):
    """A span that has not ended."""

    def attribute(self, name: str, value: str | int) -> None: ...


class Recorder(Protocol):
    """Records spans, and knows the current one."""

    def span(
        self, name: str, kind: Kind, cause: Cause | None, attributes: Attributes
    ) -> AbstractContextManager[ActiveSpan]: ...

    def current(self) -> str | None: ...

    def interceptors(self) -> list[Any]: ...

    def watch(self, engine: Any) -> None: ...

    def fastapi(self) -> dict[str, Any]: ...


class _NoSpan:
    def attribute(self, name: str, value: str | int) -> None:
        pass


NOTHING: AbstractContextManager[ActiveSpan] = nullcontext(_NoSpan())
"""The span of what is not recorded."""
_recorder: Recorder | None = None


def switch(recorder: Recorder | None) -> None:
    """Record spans from now on, or none."""
    global _recorder  # noqa: PLW0603 : like the root logger, one for the process
    _recorder = recorder


def is_on() -> bool:
    """For code that would only prepare what `span` takes."""
    return _recorder is not None


def span(
    name: str, kind: Kind, cause: Cause | None = None, attributes: Attributes | None = None
) -> AbstractContextManager[ActiveSpan]:
    """A span of what the body does: for `cause`, else a part of the current span. Its error is recorded as a type."""
    return _recorder.span(name, kind, cause, attributes or {}) if _recorder else NOTHING


def kafka(operation: str, topic: str) -> dict[str, str | int]:
    """What describes a record or a batch, by OpenTelemetry's conventions for messaging."""
    return {
        "messaging.system": "kafka",
        "messaging.operation.type": operation,
        "messaging.destination.name": topic,
    }


def current() -> str | None:
    """The trace context of the current span, as `domain.traces` has it."""
    return _recorder.current() if _recorder else None


def headers() -> dict[str, str]:
    """The headers by which a receiver continues the current trace."""
    return trace_headers(current())


def interceptors() -> list[Any]:
    """Temporal's interceptors for a client and the workers that use it."""
    return _recorder.interceptors() if _recorder else []


def watch(engine: Any) -> None:
    """Record the statements of an SQLAlchemy engine."""
    if _recorder:
        _recorder.watch(engine)


def fastapi() -> dict[str, Any]:
    """What `FastAPI(telemetry=...)` takes."""
    off = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False}
    return off | (_recorder.fastapi() if _recorder else {})
