"""What is called, and ends with an outcome: tasks, trips and jobs."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.worker import Worker

from activities.fan_out import FanOutActivities
from activities.message_queue import MessageQueueActivities
from api.invokers.invocation import Call, WebUi
from api.invokers.task import TaskInvoker
from api.invokers.workflow import WorkflowInvoker
from domain.booking import BOOKING, CardDeclined
from domain.fan_out import FAN_OUT, Job
from domain.message_queue import MESSAGE_QUEUE, Task
from domain.steps import StepMode
from tests.economy.cost import Cost, Costs, of_standalone, of_workflow
from tests.eventually import eventually
from tests.workflows.fakes import FakeSubtasks, Gate
from tests.workflows.test_booking import ALL_UNDONE, FORWARD, TRIP, World, booking_activities, refuse
from workers.activity_methods import activity_methods
from workflows.booking import BookingWorkflow
from workflows.fan_out import FanOutWorker

WEB_UI = WebUi("http://localhost", "default")
WIDE = 1_000
"""Subtasks of a job whose activities run a hundred of them each."""


@asynccontextmanager
async def worker(client: Client, task_queue: str, workflow: type | None, activities: object) -> AsyncIterator[None]:
    async with Worker(
        client,
        task_queue=task_queue,
        workflows=[workflow] if workflow else [],
        activities=activity_methods(activities) if activities else [],
    ):
        yield


async def booked_trip(client: Client, mode: StepMode) -> Costs:
    world = World()
    cost = await _trip(client, mode, world)
    assert world.done() == FORWARD
    return {"trip, booked": cost}


async def declined_trip(client: Client, mode: StepMode) -> Costs:
    world = World(before={"charge": refuse(CardDeclined("The card was declined."))})
    cost = await _trip(client, mode, world)
    assert world.done() == ["reserve flight", "reserve car", *ALL_UNDONE]
    return {"trip with three compensations": cost}


async def _trip(client: Client, mode: StepMode, world: World) -> Cost:
    steps = booking_activities(world)
    async with worker(client, BOOKING.task_queue, BookingWorkflow, steps):
        invoker = WorkflowInvoker(client, WEB_UI, BOOKING, "run", "state")
        call = Call("run", TRIP.model_copy(update={"steps": mode}), uuid.uuid4().hex)
        handle = client.get_workflow_handle((await invoker.submit(call)).invocation_id)
        with suppress(WorkflowFailureError):
            await handle.result()
        return await of_workflow(handle)


async def job(client: Client, _: StepMode) -> Costs:
    names = ["get out of bed", "shower", "make coffee", "have breakfast"]
    return {"job of 4 subtasks": await _job(client, names, activities=4)}


async def wide_job(client: Client, _: StepMode) -> Costs:
    return {f"job of {WIDE:,} subtasks": await _job(client, [f"s{n}" for n in range(WIDE)], activities=10)}


async def _job(client: Client, names: list[str], activities: int) -> Cost:
    """One activity ends after the other."""
    size = len(names) // activities
    gates = [Gate() for _ in range(activities)]
    for gate in gates:
        gate.close()
    subtasks = FakeSubtasks(gates={name: gates[number // size] for number, name in enumerate(names)})
    async with worker(client, FAN_OUT.task_queue, FanOutWorker, FanOutActivities(subtasks)):
        invoker = WorkflowInvoker(client, WEB_UI, FAN_OUT, "run", "progress")
        submission = await invoker.submit(Call("run", Job(description=",".join(names))))
        handle = client.get_workflow_handle(submission.invocation_id)
        for number, gate in enumerate(gates):
            await gate.reached()
            await _has_pending(handle, activities - number)
            gate.open()
        await handle.result()
        return await of_workflow(handle)


async def _has_pending(handle: WorkflowHandle[Any, Any], activities: int) -> None:
    """Wait until the workflow waits for nothing but this number of activities."""

    async def waits() -> bool:
        described = (await handle.describe()).raw_description
        return len(described.pending_activities) == activities and not described.HasField("pending_workflow_task")

    await eventually(waits)


class _ShortWork:
    """Takes a moment, as real work does: long enough for a heartbeat at its beginning to be sent."""

    async def do(self, key: str, payload: Any) -> str:
        await asyncio.sleep(0.1)
        return "done"


async def task(client: Client, _: StepMode) -> Costs:
    activities = MessageQueueActivities(_ShortWork(), http=None)  # type: ignore[arg-type]
    async with worker(client, MESSAGE_QUEUE.task_queue, None, activities):
        invoker = TaskInvoker(client, WEB_UI)
        submission = await invoker.submit(Call("runTask", Task(kind="heavy_work", payload={"report": 7})))
        await invoker.wait(submission.invocation_id)
        return {"task": await of_standalone(client.get_activity_handle(submission.invocation_id))}
