"""Tasks."""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated

from dbos import DBOS, SetEnqueueOptions, SetWorkflowID
from fastapi import APIRouter, Header

from benchmarks.compare.systems.dbos.queues import POLL_SECONDS, TASKS
from benchmarks.compare.systems.simulated_systems import SimulatedSystems
from domain.message_queue import Task, WorkDone

Key = Annotated[str, Header(alias="idempotency-key")]


def async_task_worker(systems: SimulatedSystems) -> APIRouter:
    """A task is a workflow of one step. One that is called runs in the request; one that is sent goes to the queue."""
    routes = APIRouter()

    @DBOS.step(name="work")
    async def work(task: Task) -> WorkDone:
        result = await systems.work.do(str(DBOS.workflow_id), task.payload)
        return WorkDone(result=result, payload=task.payload)

    @DBOS.workflow(name="AsyncTaskWorker")
    async def run_task(task: Task) -> WorkDone:
        done: WorkDone = await work(task)
        return done

    @routes.post("/AsyncTaskWorker/runTask")
    async def call(task: Task, key: Key) -> WorkDone:
        with SetWorkflowID(f"task:{key}"):
            done: WorkDone = await run_task(task)
            return done

    @routes.post("/AsyncTaskWorker/runTask/send", status_code=HTTPStatus.ACCEPTED)
    async def send(task: Task, key: Key, delay: str = "0s") -> dict[str, str]:
        seconds = timedelta(seconds=float(delay.removesuffix("s"))).total_seconds()
        with SetWorkflowID(f"task:{key}"), SetEnqueueOptions(delay_seconds=seconds or None):
            handle = await DBOS.enqueue_workflow_async(TASKS, run_task, task)
        return {"invocationId": handle.workflow_id, "status": "Accepted"}

    @routes.get("/invocations/{workflow_id}/attach")
    async def attach(workflow_id: str) -> WorkDone:
        handle = await DBOS.retrieve_workflow_async(workflow_id)
        outcome: WorkDone = await handle.get_result(polling_interval_sec=POLL_SECONDS)
        return outcome

    return routes
