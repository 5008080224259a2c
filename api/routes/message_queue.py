"""(Delayed) message queue: `POST /AsyncTaskWorker/runTask`, and the tasks that failed for good."""

from datetime import timedelta

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from temporalio.client import ActivityExecutionDescription, ActivityExecutionStatus
from temporalio.common import ActivityIDReusePolicy
from temporalio.exceptions import ActivityAlreadyStartedError

from api.gateway import Gateway, PatternRoutes
from api.http.problems import Problem, not_found, responses
from api.invokers.invocation import Submission, names_an_execution
from api.invokers.policies import RPC_TIMEOUT
from api.invokers.task import TaskInvoker, task_of
from api.routes.answers import ACCEPTED, Accepted, accepted_response
from api.routes.handlers import HandlerRoute, add_handler_routes
from api.routes.parameters import InvocationId, Limit
from domain.message_queue import MESSAGE_QUEUE, FailedTask, Task
from workflows.search_attributes import PATTERN

_FAILED = f"{PATTERN.name} = '{MESSAGE_QUEUE.name}' AND ExecutionStatus IN ('Failed', 'TimedOut')"
_FAILED_STATUSES = (ActivityExecutionStatus.FAILED, ActivityExecutionStatus.TIMED_OUT)


def routes(gateway: Gateway) -> PatternRoutes:
    invoker = TaskInvoker(gateway.client, gateway.web_ui)
    router = APIRouter(tags=[MESSAGE_QUEUE.service])
    add_handler_routes(router, MESSAGE_QUEUE, HandlerRoute("runTask", Task, None, invoker), keyed=False)

    @router.get(f"/{MESSAGE_QUEUE.service}/deadLetters", operation_id="listFailedTasks", responses=responses(422, 503))
    async def dead_letters(limit: Limit = 50) -> list[FailedTask]:
        """The tasks that failed for good and were not redriven since."""
        listed = {
            execution.activity_id: None
            async for execution in gateway.client.list_activities(_FAILED, limit=limit, rpc_timeout=RPC_TIMEOUT)
        }
        described = [await invoker.description(activity_id) for activity_id in listed]
        return [await _failed_task(d, invoker) for d in described if d.status in _FAILED_STATUSES]

    @router.post(
        f"/{MESSAGE_QUEUE.service}/deadLetters/{{invocation_id}}/redrive",
        status_code=202,
        response_model=Accepted,
        operation_id="redriveTask",
        responses={**responses(404, 409, 422, 503), 202: ACCEPTED},
    )
    async def redrive(invocation_id: InvocationId) -> JSONResponse:
        """Run a failed task again, under its own ID."""
        if not names_an_execution(MESSAGE_QUEUE, invocation_id):
            raise not_found(f"Task {invocation_id}")
        task = await task_of(await invoker.description(invocation_id))
        try:
            await invoker.start(invocation_id, task, timedelta(0), ActivityIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY)
        except ActivityAlreadyStartedError:
            detail = f"Task {invocation_id} has not failed: there is nothing to redrive."
            raise Problem(409, "not-failed", detail) from None
        return accepted_response(invoker, Submission(invocation_id))

    return PatternRoutes(router, invoker)


async def _failed_task(description: ActivityExecutionDescription, invoker: TaskInvoker) -> FailedTask:
    task = await task_of(description)
    return FailedTask(
        invocation_id=description.activity_id,
        kind=task.kind,
        payload=task.payload,
        reason=str(await description.last_failure() or description.status.name),
        attempts=description.attempt,
        failed_at=description.close_time.isoformat() if description.close_time else None,
        web_ui=invoker.link(description.activity_id),
    )
