"""Jobs of many subtasks, one job after the other."""

from pydantic import JsonValue

from benchmarks.compare.load.jobs import Expected, HttpCalls
from benchmarks.compare.rows.calls import WARM_UP
from benchmarks.compare.rows.row import Measure
from benchmarks.compare.session import Measured, Session
from benchmarks.harness.histories import count_events_of_latest
from domain.fan_out import FAN_OUT

TIMEOUT_SECONDS = 60
WARMED_UP_FROM = 10_000
"""Jobs of so many subtasks have no warm-up: the smaller ones, measured before, were that."""


def jobs_of(subtasks: int) -> Measure:
    body: JsonValue = {"description": ",".join(f"subtask {number}" for number in range(subtasks))}

    async def measure(session: Session) -> Measured:
        job = HttpCalls(
            base_url=session.system.base_url,
            path=f"/{FAN_OUT.service}/run",
            body=body,
            headers=session.system.credentials,
            prefix=f"fan-out-{subtasks}",
            concurrency=1,
            seconds=session.seconds,
            timeout_seconds=TIMEOUT_SECONDS,
            expected=Expected(text=": DONE", times=subtasks),
        )
        if subtasks < WARMED_UP_FROM:
            await session.generator.do(job.model_copy(update={"seconds": session.seconds * WARM_UP}))
        measured = await session.measure(lambda: session.generator.do(job), units_per_call=subtasks)
        if session.system.temporal:
            events = await count_events_of_latest(session.system.temporal, FAN_OUT.service)
            measured.events_per_unit = events / subtasks
        return measured

    return measure
