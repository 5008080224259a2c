"""Tasks: submitted, called, delayed."""

from benchmarks.compare.load.jobs import DelayedTasks, Expected
from benchmarks.compare.rows.calls import MANY, Calls
from benchmarks.compare.session import Measured, Session, WrongResult
from benchmarks.harness.bodies import TASK

CALL, SUBMIT = "/AsyncTaskWorker/runTask", "/AsyncTaskWorker/runTask/send"
DONE = Expected(text='"DONE"')
DELAY_SECONDS = 2
DELAYED_TASKS_PER_SECOND = 50
MIN_DELAYED_TASKS = 20


async def submitted(session: Session) -> Measured:
    """The time is until all tasks are done. Then some are submitted again: the system must know their outcome."""
    calls = Calls("queue-submit", SUBMIT, TASK, Expected(status=202), idempotent=True)
    measured, prefix = await calls.measure(session, until_idle=True)
    if not session.by_temporal_client:
        job = _tasks(session, prefix, tasks=min(measured.units, MANY), seconds=0, delay_seconds=0)
        report = await session.generator.do(job)
        if report.units < job.tasks:
            raise WrongResult(report.first_wrong)
    return measured


async def called(session: Session) -> Measured:
    measured, _ = await Calls("queue-call", CALL, TASK, DONE, idempotent=True).measure(session)
    return measured


async def delayed(session: Session) -> Measured:
    """The latency is how late the outcomes are."""
    tasks = max(MIN_DELAYED_TASKS, int(DELAYED_TASKS_PER_SECOND * session.seconds / 2))
    job = _tasks(session, "delayed", tasks, seconds=tasks / DELAYED_TASKS_PER_SECOND, delay_seconds=DELAY_SECONDS)
    return await session.measure(lambda: session.generator.do(job))


def _tasks(session: Session, prefix: str, tasks: int, seconds: float, delay_seconds: int) -> DelayedTasks:
    return DelayedTasks(
        base_url=session.system.base_url,
        path=SUBMIT,
        attach=session.system.attach,
        body=TASK,
        headers=session.system.credentials,
        prefix=prefix,
        tasks=tasks,
        seconds=seconds,
        delay_seconds=delay_seconds,
        expected=DONE,
    )
