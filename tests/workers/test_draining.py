"""Workers that leave under load: soon, and without a task that waits for its time limit."""

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from temporalio import activity, workflow
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

with workflow.unsafe.imports_passed_through():
    from devstack.stack import Stack
    from infra.settings import Settings
    from tests.dev_server import dev_server
    from tests.eventually import eventually
    from tests.histories import events
    from tests.workers.cancelled_calls import cancelled_calls
    from tests.workers.watching import Watching
    from workers import pool_worker, pools
    from workers.activity_slots import ActivitySlots
    from workers.pool_worker import PoolWorker
    from workers.pools import Pool
    from workers.sandbox import GuardedSandboxRunner

NEVER = timedelta(minutes=2)
"""The time limit of tasks here: a busy machine does not reach it, so what does was lost."""
CHANGES = 3
ANSWERS_POLLS = "frontend.enableCancelWorkerPollsOnShutdown"


@workflow.defn
class Counter:
    """Counts its signals."""

    def __init__(self) -> None:
        self._signals = 0

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: False)

    @workflow.signal
    def count(self) -> None:
        self._signals += 1


@workflow.defn
class Errand:
    """Three local steps, one after the other."""

    @workflow.run
    async def run(self) -> None:
        for _ in range(3):
            await workflow.execute_local_activity("step", start_to_close_timeout=NEVER)


class Steps:
    @activity.defn(name="step")
    async def step(self) -> None:
        await asyncio.sleep(0.001)


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[WorkflowEnvironment]:
    """It answers the polls of workers that stop, as ours do (deploy/temporal/dynamic-config.yaml)."""
    async with dev_server({ANSWERS_POLLS: "true"}) as environment:
        yield environment


def resources(settings: Settings) -> Any:
    return MagicMock(settings=settings, slots_of=lambda _, slots: ActivitySlots(slots))


class Workers:
    """Workers of one task queue, replaced one by the other, which reach Temporal at `address`."""

    def __init__(self, client: Client, code: type | None, address: str) -> None:
        self.queue = f"drain-{uuid.uuid4()}"
        self._client = client
        self._address = address
        self._pool = Pool(self.queue, code, lambda _: Steps())
        self._running: list[tuple[PoolWorker, asyncio.Task[None]]] = []

    async def start(self) -> None:
        """Start another one, with a connection of its own, as in a process of its own."""
        client = await Client.connect(self._address, data_converter=self._client.data_converter)
        worker = self._pool.worker(client, resources(Settings()), 4 * NEVER)
        self._running.append((worker, asyncio.create_task(worker.run())))

    async def drain(self) -> None:
        """Return when the oldest worker has left."""
        worker, running = self._running.pop(0)
        await worker.drain()
        await running

    async def drain_all(self) -> None:
        while self._running:
            await self.drain()


@asynccontextmanager
async def workers_of(client: Client, code: type | None, address: str | None = None) -> AsyncIterator[Workers]:
    workers = Workers(client, code, address or client.service_client.config.target_host)
    await workers.start()
    try:
        yield workers
    finally:
        await workers.drain_all()


class Signals:
    """Sends a workflow a signal during each of its tasks, so that the next task follows at once, to the same worker."""

    def __init__(self, client: Client) -> None:
        self.sent = 0
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._sending = False

    async def __aenter__(self) -> None:
        self._sending = True

    async def __aexit__(self, *_: object) -> None:
        self._sending = False

    def send(self, workflow_id: str, _: WorkflowActivation) -> None:
        """Called in the workflow's thread, before it does the task."""
        if self._sending:
            handle = self._client.get_workflow_handle(workflow_id)
            asyncio.run_coroutine_threadsafe(handle.signal("count"), self._loop).result()
            self.sent += 1


@asynccontextmanager
async def repeating(send: Callable[[], Awaitable[object]], senders: int) -> AsyncIterator[None]:
    """Call `send` again and again while the body runs, `senders` calls at a time."""

    async def repeat() -> None:
        while True:
            with suppress(RPCError):  # a busy machine may take too long for one of them
                await send()

    async with asyncio.TaskGroup() as group:
        sending = [group.create_task(repeat()) for _ in range(senders)]
        yield
        for task in sending:
            task.cancel()


async def test_a_worker_leaves_although_a_workflow_that_it_has_in_memory_gets_a_signal_with_every_task(
    server: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A busy machine may need longer than a second until it repeats a task that was handed back.
    monkeypatch.setattr(pool_worker, "QUIET_SECONDS", 5.0)
    signals = Signals(server.client)
    monkeypatch.setattr(
        pools, "GuardedSandboxRunner", lambda draining: Watching(GuardedSandboxRunner(draining=draining), signals.send)
    )
    async with workers_of(server.client, Counter) as workers, signals:
        await server.client.start_workflow(Counter.run, id=workers.queue, task_queue=workers.queue, task_timeout=NEVER)
        await eventually(lambda: signals.sent > 3)
        await workers.start()
        await asyncio.wait_for(workers.drain(), NEVER.total_seconds())
        so_far = signals.sent
        await eventually(lambda: signals.sent > so_far + 3)


async def test_a_worker_that_leaves_waits_for_the_answers_of_its_open_polls(
    server: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that cancels a poll loses the task that may be under way to it."""
    monkeypatch.setattr(pool_worker, "POLLS_SECONDS", 0.0)
    async with cancelled_calls(server.client.service_client.config.target_host) as calls:
        async with workers_of(server.client, Errand, calls.address) as workers:
            await server.client.execute_workflow(Errand.run, id=workers.queue, task_queue=workers.queue)
        assert calls.count == 0


async def test_no_task_is_lost_while_one_worker_takes_over_from_the_other(
    server: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each poll is waited for here: on a busy machine one may bring its task late."""
    async with workers_of(server.client, None) as workers:
        attempts: list[int] = []

        async def call() -> None:
            task = await server.client.start_activity(
                "step", id=uuid.uuid4().hex, task_queue=workers.queue, start_to_close_timeout=NEVER
            )
            await task.result()
            attempts.append((await task.describe()).attempt)

        async with repeating(call, senders=8):
            monkeypatch.setattr(pool_worker, "QUIET_SECONDS", NEVER.total_seconds())
            monkeypatch.setattr(pool_worker, "POLLS_SECONDS", NEVER.total_seconds())
            for number in range(CHANGES):
                await workers.start()
                await eventually(lambda number=number: len(attempts) > number)  # type: ignore[misc]
                await workers.drain()
            monkeypatch.undo()
        assert set(attempts) == {1}


async def test_no_task_with_local_steps_is_lost_while_one_worker_takes_over_from_the_other(
    server: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with workers_of(server.client, Errand) as workers:
        ended: list[str] = []
        begun: list[str] = []

        async def go() -> None:
            errand = await server.client.start_workflow(
                Errand.run, id=uuid.uuid4().hex, task_queue=workers.queue, task_timeout=NEVER
            )
            begun.append(errand.id)
            await errand.result()
            ended.append(errand.id)

        # Long enough for the polls of the shared queue; that of the worker's own queue stays open for a minute.
        monkeypatch.setattr(pool_worker, "QUIET_SECONDS", NEVER.total_seconds())
        monkeypatch.setattr(pool_worker, "POLLS_SECONDS", 20.0)
        async with repeating(go, senders=8):
            await eventually(lambda: len(ended) > 10)
            await workers.start()
            await workers.drain()
        monkeypatch.undo()
        for workflow_id in begun:
            handle = server.client.get_workflow_handle(workflow_id)
            await handle.result()
            assert await events(handle, "WORKFLOW_TASK_TIMED_OUT") == []


async def test_a_process_that_hangs_while_it_drains_is_gone_in_time(tmp_path: Path) -> None:
    hanging = "from datetime import timedelta; from workers.deadline import leave_within; leave_within(timedelta(0))"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", f"{hanging}\nwhile True: pass"),
        cwd=Path(__file__).parents[2],
        stderr=asyncio.subprocess.PIPE,
    )
    _, written = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    assert b"still draining 1 s after the signal to stop" in written


async def test_a_worker_whose_temporal_hangs_is_gone_a_second_after_its_grace(tmp_path: Path) -> None:
    lines: list[str] = []
    settings = {"GRACEFUL_SHUTDOWN": "1s"}
    async with Stack.on_free_ports(tmp_path / "data", settings, lambda _, line: lines.append(line)) as stack:
        stack.processes.pause("temporal")
        assert await stack.processes.stop("workers") == 1
        stack.processes.resume("temporal")
    assert any("still draining 2 s after the signal to stop" in line for line in lines)
