"""(Delayed) message queue: `POST /AsyncTaskWorker/runTask`, and the tasks that failed for good."""

import asyncio

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from temporalio.client import ActivityExecutionDescription

from api.gateway import Gateway, PatternRoutes
from api.http.problems import responses
from api.invokers.failed_tasks import Position, failed_tasks, redrive
from api.invokers.invocation import Submission, attempts_of, reason_of
from api.invokers.task import TaskInvoker, task_of
from api.routes.answers import ACCEPTED, Accepted, accepted_response
from api.routes.conditions import Cursor, NextCursor, position
from api.routes.handlers import HandlerRoute, add_handler_routes
from api.routes.parameters import InvocationId, Limit
from api.routes.redrives import add_redrive_of_selections, known_task
from api.security.access import CurrentCaller, needs
from domain.access import Role
from domain.message_queue import MESSAGE_QUEUE, FailedTask, Task, shown_payload
from domain.payload import Payload

MAX_LISTINGS = 4
"""Pages that are put together at the same time, each with up to `MAX_PAGE_BYTES`; others wait."""


class FailedTaskPage(Payload):
    """Tasks, the last failed first. `next` is null on the last page.

    A page has fewer than `limit` tasks if they are large, and fewer or none if many of those that failed before were
    redriven: read on at `next`.
    """

    dead_letters: list[FailedTask]
    next: NextCursor | None


def routes(gateway: Gateway) -> PatternRoutes:
    invoker = TaskInvoker(gateway.client, gateway.web_ui)
    operators = needs(Role.OPERATOR, MESSAGE_QUEUE.service)
    listing = asyncio.Semaphore(MAX_LISTINGS)
    router = APIRouter(tags=[MESSAGE_QUEUE.service])
    add_handler_routes(router, MESSAGE_QUEUE, HandlerRoute("runTask", Task, None, invoker), keyed=False)

    @router.get(
        f"/{MESSAGE_QUEUE.service}/deadLetters",
        dependencies=operators,
        operation_id="listFailedTasks",
        responses=responses(422, 503),
    )
    async def dead_letters(caller: CurrentCaller, cursor: Cursor = None, limit: Limit = 50) -> FailedTaskPage:
        """The tasks that failed for good and were not redriven since, the last failed first."""
        after = position(Position.parse, cursor)
        async with listing:
            page = await failed_tasks(invoker.of(caller.tenant), after, limit)
            return FailedTaskPage(
                dead_letters=[await _failed_task(each, invoker) for each in page.tasks],
                next=NextCursor.of(page.next),
            )

    @router.post(
        f"/{MESSAGE_QUEUE.service}/deadLetters/{{invocation_id}}/redrive",
        dependencies=operators,
        status_code=202,
        response_model=Accepted,
        operation_id="redriveTask",
        responses={**responses(404, 409, 422, 503), 202: ACCEPTED},
    )
    async def redrive_one(invocation_id: InvocationId, caller: CurrentCaller) -> JSONResponse:
        """Run a failed task again, under its own ID."""
        await redrive(invoker, await known_task(invoker.of(caller.tenant), invocation_id))
        return accepted_response(invoker, Submission(invocation_id))

    add_redrive_of_selections(router, gateway, invoker)
    return PatternRoutes(router, invoker)


async def _failed_task(description: ActivityExecutionDescription, invoker: TaskInvoker) -> FailedTask:
    task = await task_of(description)
    return FailedTask(
        invocation_id=description.activity_id,
        kind=task.kind,
        payload=shown_payload(task),
        reason=reason_of(await description.last_failure() or TimeoutError(description.status.name)),
        attempts=attempts_of(description),
        failed_at=description.close_time.isoformat() if description.close_time else None,
        web_ui=invoker.link(description.activity_id),
    )
