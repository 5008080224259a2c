"""Each alert fires by its cause: on a stack that a real Prometheus scrapes every second.

The rules are those of deploy/monitoring/rules.yml; they look back ten seconds, and do not wait before they fire.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from tests.eventually import eventually
from tests.monitoring.incidents import DECLINED, Watched, watched_stack
from tests.monitoring.prometheus import Prometheus, needs_prometheus, running_prometheus
from tests.monitoring.rules import RULES
from tools.boards.boards import BOARDS

pytestmark = needs_prometheus


@pytest.fixture(scope="module")
async def watched(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Watched]:
    async with watched_stack(tmp_path_factory.mktemp("watched")) as opened:
        yield opened


@pytest.fixture(scope="module")
async def prometheus(watched: Watched, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Prometheus]:
    async with running_prometheus(tmp_path_factory.mktemp("prometheus"), watched.targets) as running:
        yield running


def topic() -> str:
    return f"locations-{uuid.uuid4().hex[:8]}"


async def test_prometheus_can_evaluate_every_query_of_the_boards(prometheus: Prometheus) -> None:
    for board in BOARDS:
        for query in board.queries:
            await prometheus.query(query.expression.replace("$__rate_interval", "10s"))


async def test_a_trip_that_cannot_undo_a_step(watched: Watched, prometheus: Prometheus) -> None:
    await prometheus.is_quiet("TripStuck")
    trip = await watched.trip(DECLINED, "NO-RETURN")
    await prometheus.begins_to_fire("TripStuck")
    await watched.resolve(trip)
    await prometheus.is_quiet("TripStuck")


async def test_a_poison_record(watched: Watched, prometheus: Prometheus) -> None:
    name = topic()
    await watched.subscription(name)
    await prometheus.is_quiet("DeadLetters")
    await watched.poison(name)
    await prometheus.begins_to_fire("DeadLetters")


async def test_a_topic_that_is_deleted(watched: Watched, prometheus: Prometheus) -> None:
    name = topic()
    path = await watched.subscription(name)
    await prometheus.is_quiet("SubscriptionFailed")
    await watched.delete(name)
    await prometheus.begins_to_fire("SubscriptionFailed")
    (await watched.http.delete(path)).raise_for_status()
    await prometheus.is_quiet("SubscriptionFailed")


async def test_a_broker_that_hangs(watched: Watched, prometheus: Prometheus) -> None:
    await watched.subscription(topic())
    await prometheus.is_quiet("SubscriptionStalled")
    with watched.paused("broker"):
        await prometheus.begins_to_fire("SubscriptionStalled")


async def test_a_task_that_fails_for_good(watched: Watched, prometheus: Prometheus) -> None:
    async def is_counted() -> bool:
        return bool(await prometheus.query("message_queue_tasks_failed offset 10s"))

    await eventually(is_counted)
    await prometheus.is_quiet("TasksFailed")
    await watched.failing_task()
    await prometheus.begins_to_fire("TasksFailed")


async def test_a_workflow_whose_task_fails(watched: Watched, prometheus: Prometheus) -> None:
    await prometheus.is_quiet("WorkflowTasksFail")
    await watched.workflow_that_cannot_be_read()
    await prometheus.begins_to_fire("WorkflowTasksFail")


async def test_a_mail_server_that_is_unavailable(watched: Watched, prometheus: Prometheus) -> None:
    await prometheus.is_quiet("RemindersFail")
    for _ in range(5):
        await watched.failed_payment()
    await prometheus.begins_to_fire("RemindersFail")


async def test_a_temporal_server_that_hangs(watched: Watched, prometheus: Prometheus) -> None:
    """Calls are refused, and a record that was read stays unfinished."""
    name = topic()
    await watched.subscription(name)
    for alert in ("GatewayErrors", "RecordsWait"):
        await prometheus.is_quiet(alert)
    with watched.paused("temporal"):
        await watched.record(name)
        asking = asyncio.create_task(ask_whether_it_is_ready(watched))
        await prometheus.begins_to_fire("GatewayErrors")
        await prometheus.begins_to_fire("RecordsWait")
        asking.cancel()


async def ask_whether_it_is_ready(watched: Watched) -> None:
    """As a load balancer does."""
    while True:
        await watched.http.get("/ready")
        await asyncio.sleep(0.5)


async def test_a_database_that_is_locked(watched: Watched, prometheus: Prometheus) -> None:
    """Activities take all slots and wait for the database, and further tasks wait for a slot."""
    slots = 'temporal_worker_task_slots_available{task_queue="message-queue",worker_type="ActivityWorker"}'

    async def no_slot_was_free() -> bool:
        """For ten seconds: so long the tasks without one have been waiting."""
        return bool(await prometheus.query(f"max_over_time({slots}[10s]) == 0"))

    alerts = ("DatabasePoolExhausted", "WorkerSlotsExhausted", "TasksWaitForWorkers")
    for alert in alerts:
        await prometheus.is_quiet(alert)
    with watched.locked_database():
        for number in range(150):
            await watched.task(kind="heavy_work", payload={"taskId": number})
        await prometheus.begins_to_fire("DatabasePoolExhausted")
        await prometheus.begins_to_fire("WorkerSlotsExhausted")
        await eventually(no_slot_was_free)
    await prometheus.begins_to_fire("TasksWaitForWorkers")


@pytest.mark.parametrize(("process", "alert"), [("gateway", "GatewayDown"), ("workers", "WorkersDown")])
async def test_a_process_that_ended(watched: Watched, prometheus: Prometheus, process: str, alert: str) -> None:
    await prometheus.is_quiet(alert)
    await watched.stack.processes.stop(process)
    await prometheus.begins_to_fire(alert)
    await watched.stack.processes.start(process)
    await prometheus.is_quiet(alert)


def test_every_alert_is_brought_about_here(request: pytest.FixtureRequest) -> None:
    text = request.path.read_text()
    assert [rule["alert"] for rule in RULES if f'"{rule["alert"]}"' not in text] == []
