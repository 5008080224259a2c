"""Tasks: each kind is one activity, and the worker's list of activities is the registry.

A task is a standalone activity: Temporal is the queue: it waits for the delay, retries, and keeps the outcome. A new
kind is one decorated method here and one row in `domain.message_queue.TASK_KINDS`. The activity ID is the same
in every attempt: use it as the idempotency key of whatever the task does.
"""

from typing import Protocol

from pydantic import JsonValue
from temporalio import activity

from activities.heartbeat import heartbeating
from domain.message_queue import HttpRequest, HttpResponse, WorkDone
from domain.urls import shown


class Work(Protocol):
    """Work that takes long."""

    async def do(self, key: str, payload: JsonValue) -> str:
        """Do the work once per key, and return its result."""


class Http(Protocol):
    """Calls to external servers."""

    async def send(self, request: HttpRequest, idempotency_key: str) -> HttpResponse:
        """Send the request. Raises `TaskRejected` if a retry would fail too."""


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
            response = await self._http.send(request, activity.info().activity_id)
        activity.logger.info("%s %s answered %d", request.method, shown(request.url), response.status)
        return response
