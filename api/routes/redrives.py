"""Redrive a selection of the tasks that failed for good: `POST /AsyncTaskWorker/deadLetters/redrive`."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field, model_validator
from temporalio.client import ActivityExecutionDescription

from api.gateway import Gateway
from api.http.body import StrictBody
from api.http.problems import BODY_STATUSES, not_found, responses
from api.invokers.bulk import MAX_SELECTED, All, DryRun, Item, MaxItems, NamedId, select_once
from api.invokers.failed_tasks import Position, failed_tasks, redrive
from api.invokers.invocation import names_an_execution
from api.invokers.task import TaskInvoker
from api.invokers.written_ids import read
from api.routes.conditions import MAX_CURSOR_LENGTH, invalid
from api.security.access import CurrentCaller, needs
from domain.access import Role
from domain.message_queue import MESSAGE_QUEUE
from domain.payload import Payload


class NextTasks(Payload):
    """The query of the next page."""

    after: str


class RedriveTasksRequest(Payload):
    """Failed tasks by ID, or all of them, the last failed first."""

    invocation_ids: Annotated[list[NamedId] | None, Field(min_length=1, max_length=MAX_SELECTED)] = None
    all: All = None
    after: Annotated[str | None, Field(max_length=MAX_CURSOR_LENGTH)] = None
    limit: MaxItems = MAX_SELECTED
    dry_run: DryRun = False

    @model_validator(mode="after")
    def _selects(self) -> "RedriveTasksRequest":
        select_once(self.invocation_ids, bool(self.all), "write `invocationIds`, or `all`: true", self.dry_run)
        return self


class RedriveTasksReport(Payload):
    """`next` continues with the tasks that failed before these; `LEFT` ones are redriven by their IDs."""

    items: list[Item]
    next: NextTasks | None


def position(text: str | None, field: str) -> Position | None:
    """Raises `Problem` 422."""
    try:
        return Position.parse(text) if text is not None else None
    except ValueError:
        raise invalid(field, "Use the `next` of the page before.") from None


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
    ) -> RedriveTasksReport:
        """Run up to 200 failed tasks again, each under its own ID, and report on each.

        A request that is repeated runs none twice at a time. It ends after 15 s, and names what it left.
        """
        begun, invoker = gateway.bulk.begin(), tasks.of(caller.tenant)

        async def redrive_named(invocation_id: str) -> None:
            await redrive(invoker, await known_task(invoker, invocation_id))

        if request.invocation_ids is not None:
            ids = dict.fromkeys(map(read, request.invocation_ids))
            operations = {id: partial(redrive_named, id) for id in ids}
            following = None
        else:
            page = await failed_tasks(invoker, position(request.after, "after"), request.limit)
            operations = {each.activity_id: partial(redrive, invoker, each) for each in page.tasks}
            following = NextTasks(after=str(page.next)) if page.next else None
        items = await begun.report(operations, dry_run=request.dry_run)
        return RedriveTasksReport(items=items, next=following)
