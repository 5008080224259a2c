"""Whether this process polls its task queues, as Temporal sees it.

The SDK does not show it: while Temporal hangs, the SDK's polls stay open and its metrics stay as they were.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import DescribeTaskQueueMode, TaskQueueType
from temporalio.api.taskqueue.v1 import PollerInfo, TaskQueue, TaskQueueVersionSelection
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from infra.readiness import NotReady

POLLED_WITHIN = timedelta(seconds=90)
"""A poll without a task ends after a minute, and Temporal notes when it began and ended. The rest is for clocks."""
WORKFLOWS = TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW
ACTIVITIES = TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
_KINDS = {WORKFLOWS: "workflows", ACTIVITIES: "activities"}


@dataclass(frozen=True)
class Polled:
    """A task queue, and which of its tasks are polled for."""

    queue: str
    kind: TaskQueueType.ValueType

    def __str__(self) -> str:
        return f"{self.queue} ({_KINDS[self.kind]})"


async def check_polls(client: Client, polled: Iterable[Polled], patience: timedelta) -> None:
    """Raises `NotReady`. Each of two calls per queue may take `patience`."""
    asked = list(polled)
    try:
        found = await asyncio.gather(*(_is_polled(client, each, patience) for each in asked))
    except RPCError as error:
        raise NotReady("cannot be asked", f"task queues: {error.status.name}: {error.message}") from None
    missing = [str(each) for each, is_polled in zip(asked, found, strict=True) if not is_polled]
    if missing:
        names, seconds = ", ".join(missing), POLLED_WITHIN.total_seconds()
        text = f"{client.identity} has not polled {names} for {seconds:g} s: its slots are used up, or it hangs"
        raise NotReady("does not poll", text)


async def _is_polled(client: Client, polled: Polled, patience: timedelta) -> bool:
    """If a queue has several partitions, this process perhaps polls others than the first one."""
    for pollers in (pollers_of_first_partition, pollers_of_all_partitions):
        since = datetime.now(UTC) - POLLED_WITHIN
        for each in await pollers(client, polled, patience):
            if each.identity == client.identity and each.last_access_time.ToDatetime(UTC) > since:
                return True
    return False


async def pollers_of(client: Client, polled: Polled, patience: timedelta) -> set[str]:
    """The identities of the processes that have polled for these tasks lately. Raises `RPCError`."""
    since = datetime.now(UTC) - POLLED_WITHIN
    found = await pollers_of_all_partitions(client, polled, patience)
    return {each.identity for each in found if each.last_access_time.ToDatetime(UTC) > since}


async def pollers_of_first_partition(client: Client, polled: Polled, patience: timedelta) -> list[PollerInfo]:
    """Its own, and those whose polls other partitions pass on to it."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace, task_queue=TaskQueue(name=polled.queue), task_queue_type=polled.kind
    )
    return list((await client.workflow_service.describe_task_queue(request, timeout=patience)).pollers)


async def pollers_of_all_partitions(client: Client, polled: Polled, patience: timedelta) -> list[PollerInfo]:
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=polled.queue),
        api_mode=DescribeTaskQueueMode.DESCRIBE_TASK_QUEUE_MODE_ENHANCED,
        versions=TaskQueueVersionSelection(unversioned=True, all_active=True),
        task_queue_types=[polled.kind],
        report_pollers=True,
    )
    answer = await client.workflow_service.describe_task_queue(request, timeout=patience)
    kinds = [kind for version in answer.versions_info.values() for kind in version.types_info.values()]
    return [poller for kind in kinds for poller in kind.pollers]
