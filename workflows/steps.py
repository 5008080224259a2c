"""A step of a saga runs to its end even if the workflow is cancelled. Its failure shows whether it did its work."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError, TimeoutError

with workflow.unsafe.imports_passed_through():
    from workflows import policies

Activities = TypeVar("Activities")
Request = TypeVar("Request")
Result = TypeVar("Result")


async def run_to_its_end(
    activity: Callable[[Activities, Request], Awaitable[Result]],
    request: Request,
    policy: policies.Policy,
    summary: str,
) -> Result:
    """Run an activity. A cancellation is raised once the activity has ended: its compensation must come after it.

    Raises `ActivityError`, `asyncio.CancelledError`.
    """
    result = await workflow.execute_activity_method(
        activity,
        request,
        **policy,
        summary=summary,
        cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    )
    if workflow.cancellation_reason() is not None:
        raise asyncio.CancelledError
    return result


def error_of(failure: BaseException) -> ApplicationError | None:
    """The error that the activity raised; None if it was cancelled or timed out."""
    return failure.__cause__ if isinstance(failure.__cause__, ApplicationError) else None


def error_type(failure: BaseException) -> str | None:
    """The class name of the error that the activity raised."""
    error = error_of(failure)
    return error.type if error else None


def was_refused(failure: BaseException) -> bool:
    """Whether the step is known to have done nothing."""
    error = error_of(failure)
    return error is not None and error.non_retryable


def got_no_answer(failure: BaseException) -> bool:
    """Whether the step timed out: it may have done its work."""
    return isinstance(failure.__cause__, TimeoutError)
