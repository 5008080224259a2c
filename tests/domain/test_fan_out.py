"""How a job is split, and its outcomes are combined."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.fan_out import (
    MAX_BATCHES,
    MAX_SUBTASKS,
    NAME_LENGTH,
    BatchStatus,
    Job,
    OnFailure,
    SubtaskOutcome,
    aggregate,
    batches,
    progress,
)


def job_of(size: int) -> Job:
    return Job(description=",".join(str(number) for number in range(size)))


@given(st.integers(1, MAX_SUBTASKS))
def test_batches_have_every_subtask_once_in_order(size: int) -> None:
    split = batches("job", job_of(size))
    indexes = [batch.first + n for batch in split for n in range(len(batch.subtasks))]
    assert indexes == list(range(size))
    assert [subtask for batch in split for subtask in batch.subtasks] == [str(n) for n in range(size)]
    assert len(split) <= MAX_BATCHES


@pytest.mark.parametrize("size", [1, 2, 99, 100])
def test_up_to_a_hundred_subtasks_each_have_a_batch_of_their_own(size: int) -> None:
    assert [len(batch.subtasks) for batch in batches("job", job_of(size))] == [1] * size


@pytest.mark.parametrize(("size", "count"), [(101, 2), (1_000, 10), (5_000, 50), (10_000, 100)])
def test_a_larger_job_has_batches_of_a_hundred_subtasks(size: int, count: int) -> None:
    assert len(batches("job", job_of(size))) == count
    assert {len(batch.subtasks) for batch in batches("job", job_of(size))[:-1]} == {100}


def test_a_batch_has_the_job_id_and_what_to_do_on_a_failure() -> None:
    [batch] = batches("fan-out:1", Job(description="a", on_failure=OnFailure.STOP))
    assert (batch.job_id, batch.on_failure) == ("fan-out:1", OnFailure.STOP)


def test_spaces_around_subtasks_are_removed() -> None:
    assert Job(description=" get out of bed ,shower").subtasks() == ["get out of bed", "shower"]


@pytest.mark.parametrize(
    ("description", "reason"),
    [
        ("", "at least 1 character"),
        (" ", "subtask 1 of 1 is empty"),
        ("a,,b", "subtask 2 of 3 is empty"),
        ("a,", "subtask 2 of 2 is empty"),
        (",".join(["a"] * (MAX_SUBTASKS + 1)), "10001 subtasks; at most 10000 are allowed"),
    ],
)
def test_a_job_that_cannot_be_split_is_refused_with_the_reason(description: str, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Job(description=description)


def test_the_progress_shows_each_batch_and_counts_its_subtasks() -> None:
    split = batches("job", job_of(250))
    ended = {n: SubtaskOutcome(index=n, result="DONE") for n in range(100)} | {
        7: SubtaskOutcome(index=7, error="no oil")
    }

    shown = progress(split, {0: BatchStatus.FAILED, 100: BatchStatus.RUNNING}, ended)

    assert (shown.total, shown.done, shown.failed, shown.running) == (250, 99, 1, 100)
    assert [(each.first, each.subtasks, each.status, each.failed) for each in shown.batches] == [
        (0, 100, BatchStatus.FAILED, 1),
        (100, 100, BatchStatus.RUNNING, 0),
        (200, 50, BatchStatus.PENDING, 0),
    ]


def test_the_progress_names_subtasks_that_have_a_batch_of_their_own() -> None:
    long = "x" * 1_000
    assert [each.name for each in progress(batches("job", Job(description=f"a,{long}")), {}, {}).batches] == [
        "a",
        long[:NAME_LENGTH],
    ]
    assert {each.name for each in progress(batches("job", job_of(101)), {}, {}).batches} == {None, "100"}


@given(st.permutations(range(5)))
def test_outcomes_are_combined_in_the_order_of_the_description(order: list[int]) -> None:
    outcomes = {i: SubtaskOutcome(index=i, result="DONE") for i in order} | {1: SubtaskOutcome(index=1, error="no oil")}
    result = aggregate(Job(description="a,b,c,d,e"), outcomes)
    assert result.description == "a: DONE, b: FAILED (no oil), c: DONE, d: DONE, e: DONE"
