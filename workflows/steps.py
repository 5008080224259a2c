"""The steps of a workflow: how they run, and what their failures say about what they did.

Local steps (`StepMode.LOCAL`) have two properties that whoever uses them must know:

- Until a workflow task completes, only its worker knows what was done locally. If the worker is lost, the task is done
  again, perhaps with other events: then steps may have been done that this history never mentions.
- They are repeated then, so each must be idempotent, as any activity must.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, FailureError, RetryState, TimeoutError
from temporalio.workflow import ActivityCancellationType

with workflow.unsafe.imports_passed_through():
    from domain.steps import StepMode
    from workflows.policies import LOCAL_ATTEMPT, Policy

Activities = TypeVar("Activities")
Request = TypeVar("Request")
Result = TypeVar("Result")
_AT_ONCE = ActivityCancellationType.TRY_CANCEL
_UNTIL_THE_END = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED


@dataclass(frozen=True)
class Steps:
    """Runs the steps of one execution in the mode of its input. Replayed anywhere, they run in the same mode."""

    mode: StepMode
    on_activity: Callable[[], None] = lambda: None
    """Called when a local step goes on as an activity: now the execution lasts longer than a task."""

    @property
    def are_local(self) -> bool:
        return self.mode is StepMode.LOCAL

    async def run(
        self,
        activity: Callable[[Activities, Request], Awaitable[Result]],
        request: Request,
        policy: Policy,
        summary: str,
        *,
        to_its_end: bool = False,
    ) -> Result:
        """Run an activity. Raises `ActivityError`.

        A cancellation of the workflow cancels it. With `to_its_end` the step ends first, so that its compensation comes
        after it; then `asyncio.CancelledError` is raised, whatever the step has done.
        """
        done = await _locally(activity, request, summary) if self.are_local else None
        if to_its_end:
            _raise_if_cancelled()
        if done:
            return done[0]
        if self.are_local:
            self.on_activity()
        result = await workflow.execute_activity_method(
            activity, request, **policy, summary=summary, cancellation_type=_UNTIL_THE_END if to_its_end else _AT_ONCE
        )
        if to_its_end:
            _raise_if_cancelled()
        return result

    def may_have_done_more(self, failure: BaseException) -> bool:
        """Whether steps may have been done that come after the one with this failure.

        A lost task may have done them. Only a refusal excludes it: a system that had accepted a step accepts its
        repetition, so the lost task did not get any further either.
        """
        return self.are_local and not was_refused(failure)


VISIBLE_STEPS = Steps(StepMode.ACTIVITY)
"""Whatever the mode of an execution: each attempt is shown, and can be cancelled at any time."""


async def _locally(
    activity: Callable[[Activities, Request], Awaitable[Result]], request: Request, summary: str
) -> tuple[Result] | None:
    """One local attempt: its result, or None if it is to be repeated. Raises `ActivityError` for a refusal."""
    try:
        result = await workflow.execute_local_activity_method(
            activity,
            request,
            **LOCAL_ATTEMPT,
            summary=summary,
            cancellation_type=_UNTIL_THE_END,
        )
    except FailureError as failure:
        # A timeout is an `ActivityError` when it happens, and a `TimeoutError` when it is replayed (temporalio 1.35).
        if isinstance(failure, ApplicationError) and failure.non_retryable:
            raise _refused(activity.__name__) from failure
        return None
    return (result,)


def _refused(activity: str) -> ActivityError:
    """The SDK raises the error of a local activity as it is, that of any other activity as the cause of this."""
    return ActivityError(
        "Activity task failed",
        scheduled_event_id=0,
        started_event_id=0,
        identity="",
        activity_type=activity,
        activity_id="",
        retry_state=RetryState.NON_RETRYABLE_FAILURE,
    )


def _raise_if_cancelled() -> None:
    if workflow.cancellation_reason() is not None:
        raise asyncio.CancelledError


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
