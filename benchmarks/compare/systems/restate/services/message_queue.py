"""Tasks."""

import restate

from benchmarks.compare.systems.simulated_systems import SimulatedSystems
from domain.message_queue import Task, WorkDone


def async_task_worker(systems: SimulatedSystems) -> restate.Service:
    """The work is the whole handler: its result is recorded with the invocation, so it needs no step of its own."""
    service = restate.Service("AsyncTaskWorker")

    @service.handler("runTask")
    async def run_task(ctx: restate.Context, task: Task) -> WorkDone:
        result = await systems.work.do(ctx.request().id, task.payload)
        return WorkDone(result=result, payload=task.payload)

    return service
