"""A subscription survives its workers, stops on request, and reports what is wrong."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from activities.subscription import SubscriptionActivities
from clients.subscriptions import ConsumerReports, consumers, start
from domain.checkpoint import Checkpoint
from domain.subscription import (
    SUBSCRIPTION,
    ConsumerProgress,
    ConsumerReport,
    ConsumerSnapshot,
    ConsumerTask,
    OffsetsToKeep,
    Stall,
    Subscription,
    SubscriptionBroken,
    SubscriptionOptions,
    SubscriptionState,
    SubscriptionStatus,
)
from tests.consumer_snapshots import BEGUN
from tests.eventually import eventually
from workers.activity_methods import activity_methods
from workflows import subscription
from workflows.subscription import SubscriptionWorkflow

Handle = WorkflowHandle[SubscriptionWorkflow, SubscriptionState]
PROGRESS = BEGUN.model_copy(update={"received": 3, "delivered": 2, "dead_lettered": 1, "lag": 1, "rate": 0.2})
REPORTED = ConsumerProgress.model_validate(PROGRESS.model_dump())


@dataclass
class FakeIngress:
    """Consumes nothing, until it is stopped or `fault` is set."""

    running: set[int] = field(default_factory=set)
    kept: list[Checkpoint] = field(default_factory=list)
    begun: int = 0
    progress: ConsumerSnapshot = PROGRESS
    tasks: list[ConsumerTask] = field(default_factory=list)
    drained: int = 0
    fault: Exception | None = None
    report: Callable[[ConsumerSnapshot], None] = lambda progress: None
    """That of the latest consumer."""
    draining: asyncio.Event | None = None
    """Set to make a drain last until the event."""

    async def run(self, task: ConsumerTask, report: Callable[[ConsumerSnapshot], None], stop: asyncio.Event) -> None:
        self.begun += 1
        self.tasks.append(task)
        self.running.add(task.member)
        self.report = report
        report(self.progress)
        try:
            while not stop.is_set():
                if self.fault is not None:
                    fault, self.fault = self.fault, None
                    raise fault
                await asyncio.sleep(0.01)
            if self.draining is not None:
                await self.draining.wait()
            self.drained += 1
        finally:
            self.running.discard(task.member)

    async def keep_offsets(self, keep: OffsetsToKeep) -> Checkpoint:
        self.kept.append(keep.checkpoint)
        return keep.checkpoint


@pytest.fixture
async def ingress() -> FakeIngress:
    return FakeIngress()


@pytest.fixture
async def worker(time_skipping: WorkflowEnvironment, ingress: FakeIngress) -> AsyncIterator[Worker]:
    async with new_worker(time_skipping, ingress) as worker:
        yield worker


def new_worker(
    environment: WorkflowEnvironment,
    ingress: FakeIngress,
    workflow_runner: WorkflowRunner | None = None,
    *,
    consumes: bool = True,
) -> Worker:
    methods = activity_methods(SubscriptionActivities(ingress, ConsumerReports(environment.client)))
    return Worker(
        environment.client,
        task_queue=SUBSCRIPTION.task_queue,
        workflows=[SubscriptionWorkflow],
        workflow_runner=workflow_runner or SandboxedWorkflowRunner(),
        activities=methods if consumes else [],
        max_heartbeat_throttle_interval=timedelta(milliseconds=200),
        max_cached_workflows=0,  # so that another worker can continue at once
    )


def posts(consumers: int = 1) -> Subscription:
    return Subscription(
        cluster="local",
        topic=f"posts-{uuid.uuid4().hex[:8]}",
        service="UserFeed",
        handler="processPost",
        options=SubscriptionOptions(consumers=consumers),
    )


Subscribe = Callable[[Subscription], Awaitable[Handle]]


@pytest.fixture
async def subscribe(time_skipping: WorkflowEnvironment) -> AsyncIterator[Subscribe]:
    """Start subscriptions; one that a test leaves running would prevent others from skipping time."""
    client = time_skipping.client
    started: list[Handle] = []

    async def subscribe(subscription: Subscription) -> Handle:
        handle = await start(client, subscription)
        started.append(client.get_workflow_handle_for(SubscriptionWorkflow.run, handle.id))
        return started[-1]

    yield subscribe
    for handle in started:
        with suppress(RPCError):
            await handle.terminate()


async def has_status(handle: Handle, status: SubscriptionStatus) -> None:
    async def reached() -> bool:
        return (await handle.query(SubscriptionWorkflow.state)).status is status

    await eventually(reached)


async def deleted(handle: Handle) -> SubscriptionState:
    await handle.execute_update(SubscriptionWorkflow.delete)
    return await handle.result()


async def test_runs_as_many_consumers_as_its_options_say(
    subscribe: Subscribe, worker: Worker, ingress: FakeIngress
) -> None:
    handle = await subscribe(posts(consumers=3))
    await eventually(lambda: ingress.running == {0, 1, 2})
    await deleted(handle)


async def test_a_pause_drains_the_consumers_and_resuming_starts_them_again(
    subscribe: Subscribe, worker: Worker, ingress: FakeIngress
) -> None:
    handle = await subscribe(posts(consumers=2))
    await eventually(lambda: len(ingress.running) == 2)
    state = await handle.execute_update(SubscriptionWorkflow.pause)
    assert state.status is SubscriptionStatus.PAUSED
    await eventually(lambda: ingress.drained == 2)
    await handle.execute_update(SubscriptionWorkflow.resume)
    await eventually(lambda: len(ingress.running) == 2)
    assert ingress.begun == 4
    await deleted(handle)


async def test_deleting_lets_the_consumers_drain_and_completes(
    subscribe: Subscribe, worker: Worker, ingress: FakeIngress
) -> None:
    ingress.draining = asyncio.Event()
    handle = await subscribe(posts())
    await eventually(lambda: ingress.running)
    await handle.execute_update(SubscriptionWorkflow.delete)
    with pytest.raises(WorkflowUpdateFailedError):
        await handle.execute_update(SubscriptionWorkflow.resume)
    ingress.draining.set()
    state = await handle.result()
    assert (state.status, ingress.drained) == (SubscriptionStatus.DELETED, 1)


async def test_a_paused_subscription_can_be_deleted(subscribe: Subscribe, worker: Worker, ingress: FakeIngress) -> None:
    handle = await subscribe(posts())
    await handle.execute_update(SubscriptionWorkflow.pause)
    assert (await deleted(handle)).status is SubscriptionStatus.DELETED


async def test_an_error_that_only_a_person_can_fix_fails_the_subscription_until_it_is_resumed(
    subscribe: Subscribe, worker: Worker, ingress: FakeIngress
) -> None:
    ingress.fault = SubscriptionBroken("Topic 'posts' is gone.")
    handle = await subscribe(posts(consumers=2))
    await has_status(handle, SubscriptionStatus.FAILED)
    failed = await handle.query(SubscriptionWorkflow.state)
    assert failed.stall
    assert failed.stall.reason == "Topic 'posts' is gone."
    await eventually(lambda: not ingress.running)
    state = await handle.execute_update(SubscriptionWorkflow.resume)
    assert (state.status, state.stall) == (SubscriptionStatus.RUNNING, None)
    await eventually(lambda: len(ingress.running) == 2)
    await deleted(handle)


async def test_a_failed_subscription_stays_failed_when_it_is_paused(
    subscribe: Subscribe, worker: Worker, ingress: FakeIngress
) -> None:
    ingress.fault = SubscriptionBroken("Topic 'posts' is gone.")
    handle = await subscribe(posts())
    await has_status(handle, SubscriptionStatus.FAILED)
    state = await handle.execute_update(SubscriptionWorkflow.pause)
    assert state.status is SubscriptionStatus.FAILED
    await deleted(handle)


async def test_subscribing_again_returns_the_first_and_resumes_it_if_it_failed(
    subscribe: Subscribe, worker: Worker, ingress: FakeIngress
) -> None:
    ingress.fault = SubscriptionBroken("Topic 'posts' is gone.")
    subscription = posts()
    handle = await subscribe(subscription)
    await has_status(handle, SubscriptionStatus.FAILED)
    first_run = (await handle.describe()).run_id
    again = await subscribe(subscription)
    await has_status(again, SubscriptionStatus.RUNNING)
    assert (await again.describe()).run_id == first_run
    await deleted(handle)


async def test_subscribing_again_keeps_a_pause(subscribe: Subscribe, worker: Worker, ingress: FakeIngress) -> None:
    subscription = posts()
    handle = await subscribe(subscription)
    await handle.execute_update(SubscriptionWorkflow.pause)
    await subscribe(subscription)
    assert (await handle.query(SubscriptionWorkflow.state)).status is SubscriptionStatus.PAUSED
    await deleted(handle)


async def test_a_temporary_error_restarts_the_consumer(
    subscribe: Subscribe, worker: Worker, ingress: FakeIngress
) -> None:
    ingress.fault = ConnectionError("Kafka is unavailable")
    handle = await subscribe(posts())
    await eventually(lambda: ingress.begun == 2 and ingress.running)
    assert (await handle.query(SubscriptionWorkflow.state)).status is SubscriptionStatus.RUNNING
    await deleted(handle)


SINCE = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
STALL = Stall(reason="Kafka cluster 'local' sends no answer.", since=SINCE)


async def stall_of(handle: Handle) -> Stall | None:
    return (await handle.query(SubscriptionWorkflow.state)).stall


async def test_a_stall_is_in_the_state_and_in_the_web_ui_until_the_records_move(
    subscribe: Subscribe, worker: Worker, ingress: FakeIngress
) -> None:
    ingress.progress = PROGRESS.model_copy(update={"stall": STALL})
    handle = await subscribe(posts())

    async def stalled() -> bool:
        return await stall_of(handle) == STALL

    await eventually(stalled)
    assert "Since 2026-11-26 12:00:00 UTC: Kafka cluster 'local' sends no answer." in await details(handle)
    ingress.report(PROGRESS)

    async def moves() -> bool:
        return await stall_of(handle) is None

    await eventually(moves)
    assert "Since" not in await details(handle)
    await deleted(handle)


async def details(handle: Handle) -> str:
    metadata: WorkflowMetadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return metadata.current_details


async def test_a_consumer_that_is_started_again_is_a_stall_with_its_error_and_its_first_since(
    subscribe: Subscribe, worker: Worker, ingress: FakeIngress
) -> None:
    ingress.progress = PROGRESS.model_copy(update={"stall": STALL})
    handle = await subscribe(posts())
    await eventually(lambda: ingress.running)
    ingress.fault = ConnectionError("no broker")

    async def shown() -> Stall | None:
        stall = await stall_of(handle)
        return stall if stall and "no broker" in stall.reason else None

    stall = await eventually(shown)
    assert stall == Stall(reason="Consumer 1 is started again: ConnectionError: no broker", since=SINCE)
    await eventually(lambda: ingress.begun == 2)
    assert ingress.tasks[-1].stall == stall, "the next consumer continues with the stall of the one before it"
    await deleted(handle)


def at(**offsets: int) -> ConsumerSnapshot:
    numbered = {int(name.removeprefix("p")): offset for name, offset in offsets.items()}
    return PROGRESS.model_copy(update={"checkpoint": Checkpoint(incarnation="first", offsets=numbered)})


async def test_consumers_continue_at_the_checkpoint_of_those_before_them_after_a_pause_and_after_a_crash(
    subscribe: Subscribe, worker: Worker, ingress: FakeIngress
) -> None:
    ingress.progress = at(p0=5, p1=7)
    handle = await subscribe(posts())
    await eventually(lambda: ingress.running)
    await handle.execute_update(SubscriptionWorkflow.pause)
    await eventually(lambda: ingress.drained == 1)
    ingress.progress = at(p1=9)
    await handle.execute_update(SubscriptionWorkflow.resume)
    await eventually(lambda: ingress.begun == 2 and ingress.running)
    assert ingress.tasks[-1].checkpoint == Checkpoint(incarnation="first", offsets={0: 5, 1: 7})
    ingress.fault = ConnectionError("no broker")
    await eventually(lambda: ingress.begun == 3)
    assert ingress.tasks[-1].checkpoint == Checkpoint(incarnation="first", offsets={0: 5, 1: 9})
    ingress.fault = SubscriptionBroken("Topic 'posts' is gone.")
    await has_status(handle, SubscriptionStatus.FAILED)
    await handle.execute_update(SubscriptionWorkflow.resume)
    await eventually(lambda: ingress.begun == 4)
    assert ingress.tasks[-1].checkpoint == Checkpoint(incarnation="first", offsets={0: 5, 1: 9})
    await deleted(handle)


async def test_a_consumer_that_was_cancelled_between_two_attempts_leaves_its_partitions_to_the_group(
    time_skipping: WorkflowEnvironment, subscribe: Subscribe, ingress: FakeIngress
) -> None:
    """Temporal drops the heartbeats of an attempt once the activity is cancelled before its next one."""
    ingress.progress = at(p0=5)
    async with new_worker(time_skipping, ingress):
        handle = await subscribe(posts())
        await eventually(lambda: ingress.running)
        await handle.execute_update(SubscriptionWorkflow.pause)
        await eventually(lambda: ingress.drained == 1)
        await handle.execute_update(SubscriptionWorkflow.resume)
        await eventually(lambda: ingress.begun == 2 and ingress.running)
    async with new_worker(time_skipping, ingress, consumes=False):
        await handle.execute_update(SubscriptionWorkflow.pause)
        await has_status(handle, SubscriptionStatus.PAUSED)
    async with new_worker(time_skipping, ingress):
        await handle.execute_update(SubscriptionWorkflow.resume)
        await eventually(lambda: ingress.begun == 3 and ingress.running)
        checkpoint = ingress.tasks[-1].checkpoint
        assert checkpoint == Checkpoint(incarnation="first", offsets={0: 5}, outdated=frozenset({0}))
        await deleted(handle)


async def test_offsets_are_kept_while_a_subscription_is_paused(
    time_skipping: WorkflowEnvironment, subscribe: Subscribe, ingress: FakeIngress, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The sandbox executes the module, whose value is as it was.
    monkeypatch.setattr(subscription, "KEEP_OFFSETS_INTERVAL", timedelta(milliseconds=100))
    ingress.progress = at(p0=5)
    async with new_worker(time_skipping, ingress, UnsandboxedWorkflowRunner()):
        handle = await subscribe(posts())
        await eventually(lambda: ingress.running)
        await handle.execute_update(SubscriptionWorkflow.pause)
        await eventually(lambda: len(ingress.kept) >= 2)
        assert ingress.kept[-1] == Checkpoint(incarnation="first", offsets={0: 5})
        await deleted(handle)


async def test_a_late_report_of_an_earlier_attempt_is_ignored(
    subscribe: Subscribe, worker: Worker, ingress: FakeIngress
) -> None:
    handle = await subscribe(posts())
    await eventually(lambda: ingress.running)
    for attempt, stall in ((3, None), (2, STALL)):
        report = ConsumerReport(member=0, attempt=attempt, stall=stall)
        await handle.signal(SubscriptionWorkflow.consumer_reported, report)
    assert await stall_of(handle) is None
    await deleted(handle)


async def test_a_paused_subscription_has_not_stalled(
    subscribe: Subscribe, worker: Worker, ingress: FakeIngress
) -> None:
    handle = await subscribe(posts())
    await handle.signal(SubscriptionWorkflow.consumer_reported, ConsumerReport(member=0, attempt=1, stall=STALL))
    state = await handle.execute_update(SubscriptionWorkflow.pause)
    assert state.stall is None
    await deleted(handle)


async def test_a_consumer_that_no_worker_starts_is_a_stall(
    time_skipping: WorkflowEnvironment, subscribe: Subscribe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clients.subscriptions.MAX_WAIT", timedelta(0))
    subscription = posts()
    without_activities = Worker(
        time_skipping.client, task_queue=SUBSCRIPTION.task_queue, workflows=[SubscriptionWorkflow]
    )
    async with without_activities:
        handle = await subscribe(subscription)

        async def waits() -> Stall | None:
            return (await consumers(time_skipping.client, subscription.ref)).not_started

        stall = await eventually(waits)
        assert "start more workers of the pool kafka-ingress" in stall.reason
        await handle.terminate()


async def test_a_worker_that_stops_drains_its_consumer_and_another_worker_continues(
    time_skipping: WorkflowEnvironment, subscribe: Subscribe
) -> None:
    first, second = FakeIngress(), FakeIngress()
    async with new_worker(time_skipping, first):
        handle = await subscribe(posts())
        await eventually(lambda: first.running)
    assert (first.drained, first.running) == (1, set())
    async with new_worker(time_skipping, second):
        await eventually(lambda: second.running)
        await deleted(handle)


async def test_the_progress_of_its_consumers_can_be_read(
    time_skipping: WorkflowEnvironment, subscribe: Subscribe, worker: Worker, ingress: FakeIngress
) -> None:
    subscription = posts()
    handle = await subscribe(subscription)

    async def reported() -> bool:
        return (await consumers(time_skipping.client, subscription.ref)).progress == [REPORTED]

    await eventually(reported)
    await deleted(handle)
