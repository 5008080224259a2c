"""Tasks: each kind is one activity, and the worker's list of activities is the registry.

A task is a standalone activity: Temporal is the queue: it waits for the delay, retries, and keeps the outcome. A new
kind is one decorated method here and one row in `domain.message_queue.TASK_KINDS`. The activity ID is the same
in every attempt: use it as the idempotency key of whatever the task does.
"""

from datetime import timedelta
from typing import Protocol

from pydantic import JsonValue
from temporalio import activity
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from activities.heartbeat import heartbeating
from domain.message_queue import HttpRequest, HttpResponse, TryAgainLater, WorkDone
from domain.urls import shown


class Work(Protocol):
    """Work that takes long."""

    async def do(self, key: str, payload: JsonValue) -> str:
        """Do the work once per key, and return its result."""


class Http(Protocol):
    """Calls to external servers."""

    async def send(self, request: HttpRequest, idempotency_key: str) -> HttpResponse:
        """Send the request. Raises `TaskRejected` if a retry would fail too, and `TryAgainLater`."""


class MessageQueueActivities:
    """The task kinds of this application."""

    def __init__(self, work: Work, http: Http) -> None:
        self._work = work
        self._http = http

    @activity.defn(name="heavy_work")
    async def heavy_work(self, payload: JsonValue) -> WorkDone:
        """Do some heavy work, as the task's payload asks."""
        task_id = activity.info().activity_id
        activity.logger.info("Started heavy work: %s", task_id)
        async with heartbeating():
            result = await self._work.do(task_id, payload)
        activity.logger.info("Finished heavy work: %s", task_id)
        return WorkDone(result=result, payload=payload)

    @activity.defn(name="http_request")
    async def http_request(self, request: HttpRequest) -> HttpResponse:
        """Call a URL; the receiver can recognise a repeated call by its `Idempotency-Key` header."""
        async with heartbeating():
            try:
                response = await self._http.send(request, activity.info().activity_id)
            except TryAgainLater as later:
                raise _retried(later, activity.info()) from None
        activity.logger.info("%s %s answered %d", request.method, shown(request.url), response.status)
        return response


def _retried(later: TryAgainLater, attempt: activity.Info) -> ApplicationError:
    """The failure of the attempt, with the pause that the receiver asked for, if that is the longer one.

    The pause of the retry policy is the least: a receiver that always asks for a second would use up the attempts.
    """
    own_pause = backoff(attempt.retry_policy, attempt.attempt) if attempt.retry_policy else timedelta(0)
    after = later.after if later.after and later.after > own_pause else None
    return ApplicationError(str(later), type=type(later).__name__, next_retry_delay=after)


def backoff(policy: RetryPolicy, attempt: int) -> timedelta:
    """The pause of `policy` after this attempt; the first one is 1."""
    seconds = policy.initial_interval.total_seconds() * policy.backoff_coefficient ** min(attempt - 1, 64)
    longest = policy.maximum_interval or policy.initial_interval * 100
    return timedelta(seconds=min(seconds, longest.total_seconds()))
