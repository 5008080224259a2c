"""What is too large for Temporal fails at once and says so: arguments, results, messages, heartbeats."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from clients.entities import EntityClient
from domain.inbox import Batch, Message
from domain.package_tracker import PACKAGE_TRACKER, UPDATE_LOCATION, LocationUpdate
from domain.plans import Plans
from workers.kafka.delivery import BatchRefused
from workers.kafka.entity_sink import EntitySink
from workers.sandbox import GuardedSandboxRunner

with workflow.unsafe.imports_passed_through():
    from domain.errors import PayloadTooLarge
    from infra.payload_encryption import EncryptionCodec
    from infra.payload_keys import KeyRing
    from infra.payload_size import MAX_ERROR_CHARACTERS
    from infra.payloads import data_converter

MAX_BYTES = 1_000
FITS, TOO_LARGE = 900, 1_000
"""Characters: a string of `FITS` fits with its envelope, one of `TOO_LARGE` does not."""
QUEUE = "payload-size"


class Activities:
    def __init__(self) -> None:
        self.attempts = 0

    @activity.defn(name="make")
    async def make(self, size: int) -> str:
        self.attempts += 1
        return "x" * size

    @activity.defn(name="take")
    async def take(self, text: str) -> int:
        self.attempts += 1
        return len(text)

    @activity.defn(name="fail")
    async def fail(self, size: int) -> None:
        self.attempts += 1
        raise ApplicationError("é" * 3_000_000, "x" * size, non_retryable=True) from ValueError("y" * 3_000_000)

    @activity.defn(name="report")
    async def report(self, size: int) -> None:
        self.attempts += 1
        activity.heartbeat("x" * size)
        if size > FITS:
            await asyncio.Event().wait()  # ends with the failure of the heartbeat


@workflow.defn(sandboxed=True)
class Sizes:
    """Runs an activity, then returns `returned` bytes. Updates return as many bytes as they are asked for."""

    @workflow.run
    async def run(self, name: str, argument: int, returned: int) -> str:
        await workflow.execute_activity(
            name,
            "x" * argument if name == "take" else argument,
            start_to_close_timeout=timedelta(seconds=30),
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=1)),
        )
        if returned < 0:
            await workflow.wait_condition(lambda: False)
        return "x" * returned

    @workflow.update
    def enlarge(self, text: str, size: int) -> str:
        return text + "x" * size

    @workflow.signal
    def note(self, text: str) -> None:
        pass


@pytest.fixture(params=["clear", "encrypted"])
async def client(time_skipping: WorkflowEnvironment, request: pytest.FixtureRequest) -> Client:
    ring = KeyRing() if request.param == "clear" else KeyRing.parse(f"test:{'01' * 32}", "the test's key")
    converter = data_converter(MAX_BYTES + EncryptionCodec(ring).overhead_bytes, ring)
    config = time_skipping.client.config()
    config["data_converter"] = converter
    return Client(**config)


@pytest.fixture
async def activities(client: Client) -> AsyncIterator[Activities]:
    made = Activities()
    async with Worker(
        client,
        task_queue=QUEUE,
        workflows=[Sizes],
        activities=[made.make, made.take, made.fail, made.report],
        workflow_runner=GuardedSandboxRunner(),
    ):
        yield made


async def run(client: Client, name: str, argument: int, returned: int = 0) -> str:
    result: str = await client.execute_workflow(
        Sizes.run, args=[name, argument, returned], id=uuid.uuid4().hex, task_queue=QUEUE
    )
    return result


def is_too_large(failure: BaseException | None) -> bool:
    return isinstance(failure, ApplicationError) and failure.type == PayloadTooLarge.__name__ and failure.non_retryable


@pytest.mark.parametrize("name", ["make", "take", "report"])
async def test_what_fits_works(client: Client, activities: Activities, name: str) -> None:
    assert await run(client, name, FITS, FITS) == "x" * FITS
    assert activities.attempts == 1


@pytest.mark.parametrize("name", ["make", "report"])
async def test_a_result_or_heartbeat_of_an_activity_fails_its_first_attempt(
    client: Client, activities: Activities, name: str
) -> None:
    with pytest.raises(WorkflowFailureError) as caught:
        await run(client, name, TOO_LARGE)
    assert isinstance(caught.value.cause, ActivityError)
    assert is_too_large(caught.value.cause.cause), caught.value.cause.cause
    assert activities.attempts == 1


async def test_the_texts_of_an_error_are_cut(client: Client, activities: Activities) -> None:
    with pytest.raises(WorkflowFailureError) as caught:
        await run(client, "fail", 1)
    assert isinstance(caught.value.cause, ActivityError)
    error = caught.value.cause.cause
    assert isinstance(error, ApplicationError)
    assert error.message.startswith("é" * 900)
    assert error.message.endswith("é…")
    assert isinstance(error.cause, ApplicationError)
    assert error.cause.message.startswith("y" * 1_800)
    assert error.cause.message.endswith("y…")
    assert len(error.message) + len(error.cause.message) <= 2 * MAX_ERROR_CHARACTERS
    assert activities.attempts == 1


async def test_details_of_an_error_that_are_too_large_fail_the_first_attempt(
    client: Client, activities: Activities
) -> None:
    with pytest.raises(WorkflowFailureError) as caught:
        await run(client, "fail", TOO_LARGE)
    assert isinstance(caught.value.cause, ActivityError)
    assert is_too_large(caught.value.cause.cause), caught.value.cause.cause
    assert activities.attempts == 1


@pytest.mark.parametrize(("argument", "returned", "attempts"), [(TOO_LARGE, 0, 0), (1, TOO_LARGE, 1)])
async def test_an_argument_of_an_activity_or_the_result_fails_the_workflow(
    client: Client, activities: Activities, argument: int, returned: int, attempts: int
) -> None:
    with pytest.raises(WorkflowFailureError) as caught:
        await run(client, "take", argument, returned)
    assert is_too_large(caught.value.cause), caught.value.cause
    assert activities.attempts == attempts


async def test_messages_are_refused_before_the_call_and_answers_after_it(
    client: Client, activities: Activities
) -> None:
    handle = await client.start_workflow(Sizes.run, args=["make", 1, -1], id=uuid.uuid4().hex, task_queue=QUEUE)
    with pytest.raises(PayloadTooLarge):
        await handle.signal(Sizes.note, "x" * TOO_LARGE)
    with pytest.raises(PayloadTooLarge):
        await handle.execute_update(Sizes.enlarge, args=["x" * TOO_LARGE, 0])
    assert await handle.execute_update(Sizes.enlarge, args=["", FITS]) == "x" * FITS
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await handle.execute_update(Sizes.enlarge, args=["", TOO_LARGE])
    assert is_too_large(caught.value.cause), caught.value.cause
    await handle.terminate()


async def test_the_arguments_of_a_call_count_together(client: Client) -> None:
    with pytest.raises(PayloadTooLarge, match="are allowed"):
        await client.start_workflow(
            Sizes.run, args=["x" * (FITS // 2), "x" * (FITS // 2), "x"], id=uuid.uuid4().hex, task_queue=QUEUE
        )


async def test_a_batch_from_kafka_is_refused_so_that_it_is_halved(client: Client) -> None:
    sink = EntitySink(EntityClient(client, Plans()), PACKAGE_TRACKER, UPDATE_LOCATION)
    message = Message[Any](id="t-0-1", body=LocationUpdate(timestamp="2024-10-10 13:00", location="x" * 300))
    with pytest.raises(BatchRefused, match="MAX_PAYLOAD_BYTES"):
        await sink.deliver("large", Batch[Any](messages=[message] * 3))
