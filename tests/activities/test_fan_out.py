"""A batch of subtasks: they run concurrently up to a limit, and continue where the previous attempt stopped."""

import asyncio
import dataclasses
from typing import Any

import pytest
from temporalio.common import RetryPolicy
from temporalio.testing import ActivityEnvironment

from activities import fan_out
from activities.fan_out import CONCURRENT_SUBTASKS, FanOutActivities
from domain.fan_out import OnFailure, SubtaskBatch, SubtaskFailed, SubtaskOutcome
from tests.eventually import eventually
from tests.workflows.fakes import FakeSubtasks, Gate


def batch_of(*subtasks: str, first: int = 0, on_failure: OnFailure = OnFailure.CONTINUE) -> SubtaskBatch:
    return SubtaskBatch(job_id="fan-out:1", first=first, subtasks=list(subtasks), on_failure=on_failure)


@pytest.fixture
def subtasks() -> FakeSubtasks:
    return FakeSubtasks()


@pytest.fixture
def heartbeats() -> list[list[SubtaskOutcome]]:
    return []


@pytest.fixture
def environment(heartbeats: list[list[SubtaskOutcome]]) -> ActivityEnvironment:
    environment = ActivityEnvironment()
    environment.on_heartbeat = heartbeats.append
    return attempt(environment, 1)


def attempt(environment: ActivityEnvironment, number: int, **info: Any) -> ActivityEnvironment:
    """Attempt `number` of five."""
    environment.info = dataclasses.replace(
        environment.info, attempt=number, retry_policy=RetryPolicy(maximum_attempts=5), **info
    )
    return environment


async def test_outcomes_are_in_the_batchs_order_whatever_ends_first(
    environment: ActivityEnvironment, subtasks: FakeSubtasks
) -> None:
    subtasks.gates["a"] = Gate()
    subtasks.gates["a"].close()
    running = asyncio.create_task(environment.run(FanOutActivities(subtasks).run_batch, batch_of("a", "b", "c")))
    await eventually(lambda: subtasks.ended == ["b", "c"])
    subtasks.gates["a"].open()
    assert [outcome.index for outcome in await running] == [0, 1, 2]


async def test_a_batch_runs_forty_subtasks_at_a_time(environment: ActivityEnvironment, subtasks: FakeSubtasks) -> None:
    names = [str(number) for number in range(100)]
    outcomes = await environment.run(FanOutActivities(subtasks).run_batch, batch_of(*names))
    assert len(outcomes) == 100
    assert subtasks.most_running == CONCURRENT_SUBTASKS == 40


async def test_indexes_and_keys_are_the_jobs(environment: ActivityEnvironment, subtasks: FakeSubtasks) -> None:
    outcomes = await environment.run(FanOutActivities(subtasks).run_batch, batch_of("a", "b", first=7))
    assert [outcome.index for outcome in outcomes] == [7, 8]
    assert subtasks.keys == {"fan-out:1:7", "fan-out:1:8"}


async def test_a_subtask_that_cannot_be_done_is_an_outcome_like_another(
    environment: ActivityEnvironment, subtasks: FakeSubtasks
) -> None:
    subtasks.faults["b"] = [SubtaskFailed("no oil")]
    outcomes = await environment.run(FanOutActivities(subtasks).run_batch, batch_of("a", "b", "c"))
    assert [outcome.error for outcome in outcomes] == [None, "no oil", None]


async def test_in_a_job_that_stops_it_ends_the_others_and_is_raised_itself(
    environment: ActivityEnvironment, subtasks: FakeSubtasks
) -> None:
    subtasks.faults["b"] = [SubtaskFailed("no oil")]
    subtasks.gates["a"] = Gate()
    subtasks.gates["a"].close()
    with pytest.raises(SubtaskFailed, match="no oil"):
        await environment.run(FanOutActivities(subtasks).run_batch, batch_of("a", "b", on_failure=OnFailure.STOP))
    assert subtasks.cancelled == ["a"]


async def test_while_others_run_the_heartbeat_says_what_is_done(
    environment: ActivityEnvironment,
    subtasks: FakeSubtasks,
    heartbeats: list[list[SubtaskOutcome]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fan_out, "HEARTBEAT_SECONDS", 0.01)
    subtasks.gates["b"] = Gate()
    subtasks.gates["b"].close()
    running = asyncio.create_task(environment.run(FanOutActivities(subtasks).run_batch, batch_of("a", "b", "c")))
    await eventually(lambda: [[o.index for o in outcomes] for outcomes in heartbeats] == [[0, 2]])
    subtasks.gates["b"].open()
    await running
    assert len(heartbeats) == 1


async def test_a_batch_that_is_quickly_done_needs_no_heartbeat(
    environment: ActivityEnvironment, subtasks: FakeSubtasks, heartbeats: list[list[SubtaskOutcome]]
) -> None:
    await environment.run(FanOutActivities(subtasks).run_batch, batch_of("a", "b", "c"))
    assert heartbeats == []


async def test_a_batch_that_is_cut_off_says_what_is_done(
    environment: ActivityEnvironment, subtasks: FakeSubtasks, heartbeats: list[list[SubtaskOutcome]]
) -> None:
    subtasks.gates["b"] = Gate()
    subtasks.gates["b"].close()
    running = asyncio.create_task(environment.run(FanOutActivities(subtasks).run_batch, batch_of("a", "b")))
    await eventually(lambda: subtasks.ended == ["a"])
    environment.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [outcome.index for outcome in heartbeats[-1]] == [0]


async def test_an_attempt_skips_what_the_heartbeat_says_is_done(
    environment: ActivityEnvironment, subtasks: FakeSubtasks
) -> None:
    done = [{"index": 0, "result": "DONE"}, {"index": 2, "error": "no oil"}]
    attempt(environment, 2, heartbeat_details=[done])
    outcomes = await environment.run(FanOutActivities(subtasks).run_batch, batch_of("a", "b", "c"))
    assert subtasks.begun == ["b"]
    assert [(outcome.result, outcome.error) for outcome in outcomes] == [
        ("DONE", None),
        ("DONE", None),
        (None, "no oil"),
    ]


async def test_another_error_fails_the_attempt_once_the_others_are_done(
    environment: ActivityEnvironment, subtasks: FakeSubtasks, heartbeats: list[list[SubtaskOutcome]]
) -> None:
    subtasks.faults["a"] = [ConnectionError("no answer")]
    with pytest.raises(ConnectionError, match="no answer"):
        await environment.run(FanOutActivities(subtasks).run_batch, batch_of("a", "b", "c"))
    assert [outcome.index for outcome in heartbeats[-1]] == [1, 2]


async def test_after_the_last_attempt_it_costs_no_subtask_but_its_own(
    environment: ActivityEnvironment, subtasks: FakeSubtasks
) -> None:
    subtasks.faults["b"] = [ConnectionError("no answer")]
    attempt(environment, 5)
    outcomes = await environment.run(FanOutActivities(subtasks).run_batch, batch_of("a", "b", "c"))
    assert [(outcome.result, outcome.error) for outcome in outcomes] == [
        ("DONE", None),
        (None, "no answer"),
        ("DONE", None),
    ]


async def test_in_a_job_that_stops_the_last_attempt_fails_as_well(
    environment: ActivityEnvironment, subtasks: FakeSubtasks
) -> None:
    subtasks.faults["b"] = [ConnectionError("no answer")]
    attempt(environment, 5)
    with pytest.raises(ConnectionError, match="no answer"):
        await environment.run(FanOutActivities(subtasks).run_batch, batch_of("a", "b", on_failure=OnFailure.STOP))


async def test_a_cancellation_reaches_the_subtasks(environment: ActivityEnvironment, subtasks: FakeSubtasks) -> None:
    subtasks.gate.close()
    running = asyncio.create_task(environment.run(FanOutActivities(subtasks).run_batch, batch_of("a", "b")))
    await eventually(lambda: subtasks.running == 2)
    environment.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert sorted(subtasks.cancelled) == ["a", "b"]
