"""Parallelizing work: split a job into subtasks, run them concurrently, combine their results in order."""

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field, field_validator

from domain.errors import BusinessFailure
from domain.pattern import Pattern
from domain.payload import MAX_PAYLOAD_BYTES, Payload, encoded_bytes

FAN_OUT = Pattern("fan_out", "FanOutWorker", first_status="RUNNING")
MAX_SUBTASKS = 10_000
MAX_BATCHES = 100
"""Activities per job: one for each of up to 100 subtasks; in a larger job each activity runs a batch of them."""
MIN_BATCH_SUBTASKS = 100
"""The smallest batch of a larger job, apart from its last one: an activity costs some ten milliseconds."""

NAME_LENGTH = 60
"""Characters of a subtask's text that the progress shows."""
MAX_RESULT_BYTES = MAX_PAYLOAD_BYTES - 64 * 1024
"""A larger result omits the reasons of its failures."""


class SubtaskFailed(BusinessFailure):
    """A subtask failed in a job that stops at its first failure."""


class OnFailure(StrEnum):
    CONTINUE = "continue"
    STOP = "stop"


class Job(Payload):
    """A job: its subtasks, separated by commas."""

    description: Annotated[str, Field(min_length=1, examples=["get out of bed,shower,make coffee"])]
    on_failure: Annotated[
        OnFailure,
        Field(description="`continue` reports failed subtasks in the result, `stop` fails the job."),
    ] = OnFailure.CONTINUE

    @field_validator("description")
    @classmethod
    def _has_subtasks(cls, description: str) -> str:
        parts = description.split(",")
        if len(parts) > MAX_SUBTASKS:
            raise ValueError(f"{len(parts)} subtasks; at most {MAX_SUBTASKS} are allowed")
        for number, part in enumerate(parts, 1):
            if not part.strip():
                raise ValueError(f"subtask {number} of {len(parts)} is empty")
        return description

    def subtasks(self) -> list[str]:
        return [part.strip() for part in self.description.split(",")]


class JobResult(Payload):
    """`a: DONE, b: DONE` in the order of the job's description."""

    description: str


class SubtaskBatch(Payload):
    """Subtasks for one activity. `first` is the job-wide index of the first of them."""

    job_id: str
    first: int
    subtasks: list[str]
    on_failure: OnFailure


class SubtaskOutcome(Payload):
    index: int
    result: str | None = None
    error: str | None = None


class BatchStatus(StrEnum):
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class BatchProgress(Payload):
    """One activity of a job. What it has done of several subtasks is known once it has ended."""

    first: Annotated[int, Field(description="The place of its first subtask in the description, from 0.")]
    subtasks: int
    status: Annotated[BatchStatus, Field(description="`FAILED` if a subtask has failed.")]
    failed: Annotated[int, Field(description="Subtasks that have failed.")]
    name: Annotated[str | None, Field(description="Of a single subtask, its text, cut after 60 characters.")]


class Progress(Payload):
    """How many subtasks are done, failed and running, and each batch: up to 100 subtasks have one each."""

    total: int
    done: int
    failed: int
    running: int
    batches: list[BatchProgress]


def batches(job_id: str, job: Job) -> list[SubtaskBatch]:
    """Split a job's subtasks into at most `MAX_BATCHES` batches, in order."""
    subtasks = job.subtasks()
    size = 1 if len(subtasks) <= MAX_BATCHES else max(MIN_BATCH_SUBTASKS, math.ceil(len(subtasks) / MAX_BATCHES))
    return [
        SubtaskBatch(job_id=job_id, first=i, subtasks=subtasks[i : i + size], on_failure=job.on_failure)
        for i in range(0, len(subtasks), size)
    ]


def progress(
    split: list[SubtaskBatch], statuses: Mapping[int, BatchStatus], outcomes: Mapping[int, SubtaskOutcome]
) -> Progress:
    """The progress of a job. `statuses` are those of the batches that were started, by their `first`."""
    shown = [_batch_progress(batch, statuses.get(batch.first, BatchStatus.PENDING), outcomes) for batch in split]
    failed = sum(each.failed for each in shown)
    return Progress(
        total=sum(each.subtasks for each in shown),
        done=len(outcomes) - failed,
        failed=failed,
        running=sum(each.subtasks for each in shown if each.status is BatchStatus.RUNNING),
        batches=shown,
    )


def _batch_progress(batch: SubtaskBatch, status: BatchStatus, outcomes: Mapping[int, SubtaskOutcome]) -> BatchProgress:
    size = len(batch.subtasks)
    ended = (outcomes[index] for index in range(batch.first, batch.first + size) if index in outcomes)
    return BatchProgress(
        first=batch.first,
        subtasks=size,
        status=status,
        failed=sum(outcome.error is not None for outcome in ended),
        name=batch.subtasks[0][:NAME_LENGTH] if size == 1 else None,
    )


def aggregate(job: Job, outcomes: dict[int, SubtaskOutcome]) -> JobResult:
    """Combine the outcomes in the order of the description."""
    lines = [_line(text, outcomes[index]) for index, text in enumerate(job.subtasks())]
    result = JobResult(description=", ".join(lines))
    if encoded_bytes(result) > MAX_RESULT_BYTES:
        lines = [_line(text, outcomes[index], reason="") for index, text in enumerate(job.subtasks())]
        result = JobResult(description=", ".join(lines))
    return result


def _line(text: str, outcome: SubtaskOutcome, reason: str | None = None) -> str:
    if outcome.error is None:
        return f"{text}: {outcome.result}"
    reason = f" ({outcome.error})" if reason is None else reason
    return f"{text}: FAILED{reason}"
