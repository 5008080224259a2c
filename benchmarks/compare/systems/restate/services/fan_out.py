"""Jobs of many subtasks."""

import restate

from benchmarks.compare.systems.simulated_systems import SimulatedSystems
from domain.fan_out import Job, JobResult


def fan_out_worker(systems: SimulatedSystems) -> restate.Service:
    """A call per subtask, all at once, awaited in order."""
    worker = restate.Service("FanOutWorker")

    @worker.handler("runSubtask")
    async def run_subtask(ctx: restate.Context, subtask: str) -> str:
        return f"{subtask}: {await systems.subtasks.run(ctx.request().id, subtask)}"

    @worker.handler("run")
    async def run(ctx: restate.Context, job: Job) -> JobResult:
        calls = [ctx.service_call(run_subtask, arg=subtask) for subtask in job.subtasks()]
        # They all run already. `restate.gather` looks at every call for every result: 3,000 took 33 s instead of 13 s.
        return JobResult(description=", ".join([await call for call in calls]))

    return worker
