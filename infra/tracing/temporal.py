"""Carries trace contexts through Temporal, and records what its clients, workflows and activities do.

A call's context travels in a header, as with the SDK's own interceptor. Why not the SDK's: it makes everything that an
entity ever does part of the trace that started it. Here a signal's messages carry their own contexts, and a workflow
that is started by a signal lives on, so that its start has none.

Workflow code runs again when it is replayed. It records a span as it ends and only when it is not replayed, under an ID
that is the same each time.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from temporalio import activity, client, worker, workflow
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadConverter

from domain.inbox import Batch
from domain.traces import PARENT, STATE, Cause, cause, child, is_context, trace_headers, works_for
from infra.tracing import spans

HEADER = "_tracer-data"
"""The SDKs' own, so that clients in other languages can begin a trace."""
_LINKS = "links"
_RECORD = "record_span"

Headers = Mapping[str, Payload]
Step = TypeVar("Step", worker.StartActivityInput, worker.StartLocalActivityInput)


@dataclass(frozen=True)
class WorkflowSpan:
    """What a workflow has done: a whole run, or the handling of a message."""

    name: str
    cause: Cause
    span_id: str
    start_ns: int
    end_ns: int
    error: BaseException | None = None
    attributes: Mapping[str, str | int] = field(default_factory=dict)


Record = Callable[[WorkflowSpan], None]


def interceptor(record: Record) -> "_Interceptor":
    return _Interceptor(record)


def written(headers: Headers, cause: Cause) -> dict[str, Payload]:
    """`headers` with a cause."""
    carrier: dict[str, str] = trace_headers(cause.parent)
    if cause.links:
        carrier[_LINKS] = "\n".join(cause.links)
    return {**headers, HEADER: PayloadConverter.default.to_payload(carrier)}


def read(headers: Headers) -> Cause | None:
    """The cause in `headers`; None if there is none, or none that can be read."""
    if HEADER not in headers:
        return None
    try:
        carrier = PayloadConverter.default.from_payload(headers[HEADER], dict[str, str])
    except Exception:  # the header of another client
        return None
    parent = " ".join(carrier[name] for name in (PARENT, STATE) if carrier.get(name))
    links = tuple(filter(is_context, carrier.get(_LINKS, "").split("\n")))
    return Cause(parent if is_context(parent) else None, links) or None


class _Interceptor(client.Interceptor, worker.Interceptor):
    def __init__(self, record: Record) -> None:
        self._record = record

    def intercept_client(self, next: client.OutboundInterceptor) -> client.OutboundInterceptor:
        return _Client(next)

    def intercept_activity(self, next: worker.ActivityInboundInterceptor) -> worker.ActivityInboundInterceptor:
        return _Activities(next)

    def workflow_interceptor_class(
        self, input: worker.WorkflowInterceptorClassInput
    ) -> type[worker.WorkflowInboundInterceptor]:
        input.unsafe_extern_functions.update({_RECORD: self._record})
        return _Workflow


class _Client(client.OutboundInterceptor):
    """A call within a span gets a span of its own. Calls of this process's own accord get none."""

    async def start_workflow(self, input: client.StartWorkflowInput) -> client.WorkflowHandle[Any, Any]:
        if input.start_signal:
            return await super().start_workflow(input)
        with _calling(f"StartWorkflow:{input.workflow}", input):
            return await super().start_workflow(input)

    async def start_workflow_update(self, input: client.StartWorkflowUpdateInput) -> client.WorkflowUpdateHandle[Any]:
        with _calling(f"StartWorkflowUpdate:{input.update}", input):
            return await super().start_workflow_update(input)

    async def start_activity(self, input: client.StartActivityInput) -> client.ActivityHandle[Any]:
        with _calling(f"StartActivity:{input.activity_type}", input):
            return await super().start_activity(input)


class _Activities(worker.ActivityInboundInterceptor):
    """One span for each attempt of an activity, unless its work has no trace: the consumers of a subscription."""

    async def execute_activity(self, input: worker.ExecuteActivityInput) -> Any:
        done_for = read(input.headers)
        if done_for is None:
            return await super().execute_activity(input)
        info = activity.info()
        attributes: spans.Attributes = {
            "temporal.type": info.activity_type,
            "temporal.attempt": info.attempt,
            "temporal.run_id": info.workflow_run_id or info.activity_run_id or "",
        }
        with spans.span(f"RunActivity:{info.activity_type}", "SERVER", done_for, attributes):
            return await super().execute_activity(input)


class _Workflow(worker.WorkflowInboundInterceptor):
    def init(self, outbound: worker.WorkflowOutboundInterceptor) -> None:
        super().init(_WorkflowCalls(outbound))

    async def execute_workflow(self, input: worker.ExecuteWorkflowInput) -> Any:
        started_by = read(input.headers)
        if started_by is None:
            return await super().execute_workflow(input)
        started_at = round(workflow.info().start_time.timestamp() * 1e9)
        name = f"RunWorkflow:{workflow.info().workflow_type}"
        return await _recorded(name, started_by, started_at, super().execute_workflow(input))

    async def handle_signal(self, input: worker.HandleSignalInput) -> None:
        messages = input.args[0].messages if input.args and isinstance(input.args[0], Batch) else []
        if sent_by := Cause.of(message.trace for message in messages):
            works_for(sent_by)
            now = workflow.time_ns()
            _record(_span(f"HandleSignal:{input.signal}", sent_by, now, messages[0].id))
        await super().handle_signal(input)

    async def handle_update_handler(self, input: worker.HandleUpdateInput) -> Any:
        called_by = read(input.headers)
        if called_by is None:
            return await super().handle_update_handler(input)
        name = f"HandleUpdate:{input.update}"
        return await _recorded(name, called_by, workflow.time_ns(), super().handle_update_handler(input), input.id)


class _WorkflowCalls(worker.WorkflowOutboundInterceptor):
    """An activity is for what the code that starts it works for."""

    def start_activity(self, input: worker.StartActivityInput) -> workflow.ActivityHandle[Any]:
        return super().start_activity(_with_cause(input))

    def start_local_activity(self, input: worker.StartLocalActivityInput) -> workflow.ActivityHandle[Any]:
        return super().start_local_activity(_with_cause(input))


def _with_cause(input: Step) -> Step:
    if for_what := cause():
        input.headers = written(input.headers, for_what)
    return input


@contextmanager
def _calling(
    name: str, call: client.StartWorkflowInput | client.StartWorkflowUpdateInput | client.StartActivityInput
) -> Iterator[None]:
    if spans.current() is None:
        yield
        return
    with spans.span(name, "CLIENT"):
        call.headers = written(call.headers, Cause(spans.current()))
        yield


async def _recorded(name: str, done_for: Cause, start_ns: int, work: Awaitable[Any], *about: str) -> Any:
    """Do the work as a span that its activities are parts of. An attempt that Temporal will repeat has no span."""
    span = _span(name, done_for, start_ns, *about)
    if done_for.parent:
        works_for(Cause(child(done_for.parent, span.span_id)))
    try:
        result = await work
    except (Exception, asyncio.CancelledError) as error:
        if workflow.is_failure_exception(error) or isinstance(error, asyncio.CancelledError):
            _record(replace(span, end_ns=workflow.time_ns(), error=error))
        raise
    _record(replace(span, end_ns=workflow.time_ns()))
    return result


def _span(name: str, done_for: Cause, start_ns: int, *about: str) -> WorkflowSpan:
    """A span without length. `about` distinguishes it from others of this name in the run."""
    info = workflow.info()
    span_id = hashlib.sha256("/".join((info.run_id, name, *about)).encode()).hexdigest()[:16]
    attributes = {"temporal.type": info.workflow_type, "temporal.run_id": info.run_id}
    return WorkflowSpan(name, done_for, span_id, start_ns, start_ns, attributes=attributes)


def _record(span: WorkflowSpan) -> None:
    # A workflow that is removed from memory counts as replaying.
    if not workflow.unsafe.is_replaying_history_events():
        workflow.extern_functions()[_RECORD](span)
