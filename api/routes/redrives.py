"""Redrive a selection of the tasks that failed for good: `POST /AsyncTaskWorker/deadLetters/redrive`."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field
from temporalio.client import ActivityExecutionDescription

from api.gateway import Gateway
from api.http.body import StrictBody
from api.http.problems import BODY_STATUSES, not_found, responses
from api.invokers.bulk import MAX_SELECTED
from api.invokers.failed_tasks import Position, failed_tasks, redrive
from api.invokers.invocation import names_an_execution
from api.invokers.task import TaskInvoker
from api.invokers.written_ids import read
from api.routes.conditions import position
from api.routes.selections import All, NamedId, Operations, SelectionReport, SelectionRequest
from api.security.access import CurrentCaller, needs
from domain.access import Role
from domain.message_queue import MESSAGE_QUEUE


class RedriveTasksRequest(SelectionRequest):
    """Failed tasks by ID, or all of them, the last failed first."""

    invocation_ids: Annotated[list[NamedId] | None, Field(min_length=1, max_length=MAX_SELECTED)] = None
    all: All = None


async def known_task(invoker: TaskInvoker, invocation_id: str) -> ActivityExecutionDescription:
    """Raises `Problem` 404 for an ID that is none of a task of the tenant."""
    if not names_an_execution(invoker.pattern, invocation_id):
        raise not_found(f"Task {invocation_id}")
    return await invoker.description(invocation_id)


def add_redrive_of_selections(router: APIRouter, gateway: Gateway, tasks: TaskInvoker) -> None:
    """Give `router` the operation."""

    @router.post(
        f"/{MESSAGE_QUEUE.service}/deadLetters/redrive",
        dependencies=needs(Role.OPERATOR, MESSAGE_QUEUE.service),
        operation_id="redriveTasks",
        responses=responses(*BODY_STATUSES, 503),
    )
    async def redrive_selection(
        request: Annotated[RedriveTasksRequest, Depends(StrictBody(RedriveTasksRequest))], caller: CurrentCaller
    ) -> SelectionReport:
        """Run up to 200 failed tasks again, each under its own ID, and report on each.

        A request that is repeated runs none twice at a time. It ends after 15 s, and names what it left.
        """
        invoker = tasks.of(caller.tenant)

        async def redrive_named(invocation_id: str) -> None:
            await redrive(invoker, await known_task(invoker, invocation_id))

        async def failed() -> tuple[Operations, Position | None]:
            after = position(Position.parse, request.cursor, written_in="")
            page = await failed_tasks(invoker, after, request.limit)
            return {each.activity_id: partial(redrive, invoker, each) for each in page.tasks}, page.next

        return await request.carry_out(
            gateway.bulk.begin(),
            named=lambda: {id: partial(redrive_named, id) for id in map(read, request.invocation_ids or ())},
            page=failed,
        )
