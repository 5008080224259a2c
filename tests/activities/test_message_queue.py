"""The task kinds: what they call, under which key, and that they heartbeat while they run."""

import asyncio
import dataclasses
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from pydantic import HttpUrl, JsonValue
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.message_queue import MessageQueueActivities, backoff
from domain.message_queue import HttpRequest, HttpResponse, TaskRejected, TryAgainLater
from tests.eventually import eventually
from tests.workflows.fakes import Gate

REQUEST = HttpRequest(url=HttpUrl("https://example.com/hook"))


@dataclass
class FakeWork:
    gate: Gate = field(default_factory=Gate)
    done: list[tuple[str, JsonValue]] = field(default_factory=list)
    fault: Exception | None = None

    async def do(self, key: str, payload: JsonValue) -> str:
        await self.gate.passage()
        if self.fault:
            raise self.fault
        self.done.append((key, payload))
        return "DONE"


@dataclass
class FakeHttp:
    sent: list[tuple[HttpRequest, str]] = field(default_factory=list)
    fault: Exception | None = None

    async def send(self, request: HttpRequest, idempotency_key: str) -> HttpResponse:
        if self.fault:
            raise self.fault
        self.sent.append((request, idempotency_key))
        return HttpResponse(status=200, body="ok")


@pytest.fixture
def work() -> FakeWork:
    return FakeWork()


@pytest.fixture
def http() -> FakeHttp:
    return FakeHttp()


@pytest.fixture
def activities(work: FakeWork, http: FakeHttp) -> MessageQueueActivities:
    return MessageQueueActivities(work, http)


@pytest.fixture
def environment() -> ActivityEnvironment:
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(
        environment.info, activity_id="message-queue:1", heartbeat_timeout=timedelta(seconds=0.06)
    )
    return environment


async def test_heavy_work_is_done_under_the_tasks_id(
    environment: ActivityEnvironment, activities: MessageQueueActivities, work: FakeWork
) -> None:
    outcome = await environment.run(activities.heavy_work, {"taskId": 7})
    assert work.done == [("message-queue:1", {"taskId": 7})]
    assert outcome.model_dump() == {"result": "DONE", "payload": {"taskId": 7}}


async def test_heavy_work_heartbeats_as_long_as_it_lasts(
    environment: ActivityEnvironment, activities: MessageQueueActivities, work: FakeWork
) -> None:
    beats: list[tuple[object, ...]] = []
    environment.on_heartbeat = lambda *details: beats.append(details)
    work.gate.close()
    running = asyncio.create_task(environment.run(activities.heavy_work, None))
    await eventually(lambda: len(beats) >= 3)
    work.gate.open()
    assert (await running).result == "DONE"


async def test_work_that_ends_soon_sends_no_heartbeat(
    environment: ActivityEnvironment, activities: MessageQueueActivities, work: FakeWork
) -> None:
    beats: list[tuple[object, ...]] = []
    environment.on_heartbeat = lambda *details: beats.append(details)
    environment.info = dataclasses.replace(environment.info, heartbeat_timeout=timedelta(hours=1))
    work.gate.close()
    running = asyncio.create_task(environment.run(activities.heavy_work, None))
    await work.gate.reached()
    await asyncio.sleep(0)  # whatever began with the work has had its turn
    work.gate.open()
    await running
    assert beats == []


async def test_heavy_work_can_be_cancelled(
    environment: ActivityEnvironment, activities: MessageQueueActivities, work: FakeWork
) -> None:
    work.gate.close()
    running = asyncio.create_task(environment.run(activities.heavy_work, None))
    await work.gate.reached()
    environment.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert work.done == []


async def test_work_that_fails_fails_the_attempt(
    environment: ActivityEnvironment, activities: MessageQueueActivities, work: FakeWork
) -> None:
    work.fault = ConnectionError("no answer")
    with pytest.raises(ConnectionError, match="no answer"):
        await environment.run(activities.heavy_work, None)


async def test_a_request_carries_the_tasks_id_as_its_idempotency_key(
    environment: ActivityEnvironment, activities: MessageQueueActivities, http: FakeHttp
) -> None:
    response = await environment.run(activities.http_request, REQUEST)
    assert http.sent == [(REQUEST, "message-queue:1")]
    assert response.status == 200


async def test_the_log_has_no_secret_of_the_url(
    environment: ActivityEnvironment, activities: MessageQueueActivities, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        url = HttpUrl("https://ann:secret@example.com/hook?token=secret#secret")
        await environment.run(activities.http_request, HttpRequest(url=url))
    assert "POST https://***@example.com/hook?*** answered 200" in caplog.text
    assert "secret" not in caplog.text


async def test_a_rejected_request_is_final(
    environment: ActivityEnvironment, activities: MessageQueueActivities, http: FakeHttp
) -> None:
    http.fault = TaskRejected("Host not allowed.")
    with pytest.raises(TaskRejected) as rejected:
        await environment.run(activities.http_request, REQUEST)
    assert rejected.value.non_retryable


MINUTE = timedelta(minutes=1)
RETRIES = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=5))


@pytest.mark.parametrize(
    ("asked", "attempt", "is_kept"),
    [
        (MINUTE, 1, True),
        (MINUTE, 6, True),
        (MINUTE, 7, False),  # 64 s by the policy
        (timedelta(seconds=1), 1, False),
        (timedelta(hours=1), 100, True),
        (None, 1, False),
    ],
)
async def test_the_next_attempt_waits_as_long_as_the_receiver_asks_and_no_shorter_than_otherwise(
    environment: ActivityEnvironment, http: FakeHttp, asked: timedelta | None, attempt: int, is_kept: bool
) -> None:
    activities = MessageQueueActivities(FakeWork(), http)
    environment.info = dataclasses.replace(environment.info, attempt=attempt, retry_policy=RETRIES)
    http.fault = TryAgainLater("https://example.com/hook answered 503.", asked)
    with pytest.raises(ApplicationError, match="answered 503") as failed:
        await environment.run(activities.http_request, REQUEST)
    assert (failed.value.next_retry_delay, failed.value.non_retryable) == (asked if is_kept else None, False)


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 1), (2, 2), (5, 16), (9, 256), (10, 300), (1_000_000, 300)])
def test_the_pause_of_a_policy_grows_up_to_its_longest(attempt: int, seconds: int) -> None:
    assert backoff(RETRIES, attempt) == timedelta(seconds=seconds)
