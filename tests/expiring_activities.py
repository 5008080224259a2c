"""On the time-skipping server, activities end at their `schedule_to_close_timeout`."""

from dataclasses import replace
from datetime import timedelta

from temporalio.client import Interceptor as ClientInterceptor
from temporalio.worker import (
    Interceptor,
    StartActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)
from temporalio.workflow import ActivityHandle

MOMENT = timedelta(microseconds=1)


class ExpiringActivities(ClientInterceptor, Interceptor):
    """For a client, whose workers have it too: no activity expires at a whole second of the server's clock.

    The server takes such an expiry for none, and retries the activity without limit (sdk-java,
    `TestServiceRetryState`: `expirationTime.getNanos() != 0`). Its clock counts milliseconds, so that one activity in a
    thousand is one of these.
    """

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        return _Inbound


class _Inbound(WorkflowInboundInterceptor):
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_Outbound(outbound))


class _Outbound(WorkflowOutboundInterceptor):
    def start_activity(self, input: StartActivityInput) -> "ActivityHandle[object]":
        if input.schedule_to_close_timeout:
            input = replace(input, schedule_to_close_timeout=input.schedule_to_close_timeout + MOMENT)
        return super().start_activity(input)
