"""Jobs of many subtasks."""

import uuid

from dbos import DBOS, SetWorkflowID
from fastapi import APIRouter

from benchmarks.compare.systems.dbos.queues import POLL_SECONDS, SUBTASKS
from benchmarks.compare.systems.simulated_systems import SimulatedSystems
from domain.fan_out import Job, JobResult


def fan_out_worker(systems: SimulatedSystems) -> APIRouter:
    """A workflow for each subtask, all put into a queue, awaited in order."""
    routes = APIRouter()

    @DBOS.workflow(name="runSubtask")
    async def run_subtask(subtask: str) -> str:
        done: str = await work_on(subtask)
        return done

    @DBOS.step(name="work on subtask")
    async def work_on(subtask: str) -> str:
        return f"{subtask}: {await systems.subtasks.run(str(DBOS.workflow_id), subtask)}"

    @DBOS.workflow(name="FanOutWorker")
    async def run_job(job: Job) -> JobResult:
        handles = [await DBOS.enqueue_workflow_async(SUBTASKS, run_subtask, subtask) for subtask in job.subtasks()]
        results = [await handle.get_result(polling_interval_sec=POLL_SECONDS) for handle in handles]
        return JobResult(description=", ".join(results))

    @routes.post("/FanOutWorker/run")
    async def run(job: Job) -> JobResult:
        with SetWorkflowID(f"job:{uuid.uuid4()}"):
            result: JobResult = await run_job(job)
            return result

    return routes
