"""Trace contexts: to which distributed trace a unit of work belongs.

A context is a text: W3C `traceparent`, followed by a space and `tracestate` if there is one. Messages carry the context
that they were sent with, so that an entity's work for a message belongs to the message's trace, however old the entity
is. What no message causes, a timer for example, begins a trace of its own, with a link.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Self

PARENT = "traceparent"
STATE = "tracestate"
MAX_LINKS = 32
"""Contexts that one unit of work names, of the messages that it is done for: the first of them."""

_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_TRACESTATE = re.compile(rb"[\x20-\x7e]{1,512}")


@dataclass(frozen=True)
class Cause:
    """What a unit of work is done for: it continues the trace of `parent`, or begins one, and names other `links`."""

    parent: str | None = None
    links: tuple[str, ...] = ()

    @classmethod
    def of(cls, traces: Iterable[str | None]) -> Self:
        """The cause of work for messages with these contexts.

        Work for one message continues its trace, as OpenTelemetry's conventions for messaging allow; so does work for
        several that belong to one trace. Work for messages of several traces belongs to none of them, and links them.
        """
        contexts = list(dict.fromkeys(each for each in traces if each and is_context(each)))[:MAX_LINKS]
        if len({trace_id(each) for each in contexts}) == 1:
            return cls(contexts[0], tuple(contexts[1:]))
        return cls(None, tuple(contexts))

    def later(self) -> Self:
        """The cause of what a timer does afterwards: another trace, which links this one."""
        return type(self)(None, self._contexts[:MAX_LINKS])

    def linking(self, trace: str | None) -> Self:
        return type(self)(self.parent, (*self.links, trace)) if trace else self

    def __bool__(self) -> bool:
        return bool(self._contexts)

    @property
    def _contexts(self) -> tuple[str, ...]:
        return (self.parent, *self.links) if self.parent else self.links


_cause: ContextVar[Cause | None] = ContextVar("cause", default=None)


def cause() -> Cause | None:
    """What the current code of a workflow works for, if it is known."""
    return _cause.get()


def works_for(cause: Cause) -> None:
    """Say what the rest of the current task works for."""
    _cause.set(cause)


@contextmanager
def work_for(traces: Iterable[str | None]) -> Iterator[None]:
    """In a workflow: the activities that the body starts are for messages with these trace contexts."""
    with caused_by(Cause.of(traces)):
        yield


@contextmanager
def caused_by(cause: Cause) -> Iterator[None]:
    token = _cause.set(cause)
    try:
        yield
    finally:
        _cause.reset(token)


def is_context(text: str) -> bool:
    return _TRACEPARENT.fullmatch(text.partition(" ")[0].encode()) is not None


def child(trace: str, span_id: str) -> str:
    """The context of a span in `trace`."""
    version, trace_id, _, flags = trace.split("-", 3)
    return f"{version}-{trace_id}-{span_id}-{flags}"


def trace_id(trace: str) -> str:
    return trace.split("-", 2)[1]


def span_id(trace: str) -> str:
    return trace.split("-", 3)[2]


def read_trace(headers: Sequence[tuple[str, bytes | None]]) -> str | None:
    """The context in the headers of a record. A malformed one is ignored."""
    if not headers:
        return None
    last = dict(headers)
    parent, state = last.get(PARENT), last.get(STATE)
    if not parent or not _TRACEPARENT.fullmatch(parent):
        return None
    return (parent + b" " + state if state and _TRACESTATE.fullmatch(state) else parent).decode()


def trace_headers(trace: str | None) -> dict[str, str]:
    """The headers that carry a context."""
    if trace is None:
        return {}
    parent, _, state = trace.partition(" ")
    return {PARENT: parent, STATE: state} if state else {PARENT: parent}
