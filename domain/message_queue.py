"""(Delayed) message queue: tasks that run once, now or later."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, HttpUrl, JsonValue, TypeAdapter

from domain.errors import BusinessFailure, Refusal
from domain.pattern import Pattern
from domain.payload import STRICT, Payload

MESSAGE_QUEUE = Pattern("message_queue", "AsyncTaskWorker")
DEFAULT_MAX_ATTEMPTS = 10
MAX_ATTEMPTS_LIMIT = 100


class UnknownTaskKind(Refusal):
    """No task kind has this name."""


class TaskRejected(BusinessFailure):
    """A task that no further attempt can complete."""


class TryAgainLater(Exception):
    """The receiver of a task cannot handle it now. `after` is the pause that it asked for."""

    def __init__(self, message: str, after: timedelta | None = None) -> None:
        super().__init__(message)
        self.after = after


class Task(Payload):
    """A task: its kind, and the payload that this kind takes."""

    kind: Annotated[str, Field(min_length=1, max_length=100, examples=["heavy_work"])]
    payload: JsonValue = None
    priority: Annotated[int, Field(ge=1, le=5, description="1 runs first, 5 last.")] = 3
    max_attempts: Annotated[
        int, Field(ge=1, le=MAX_ATTEMPTS_LIMIT, description="Attempts before the task is a dead letter.")
    ] = DEFAULT_MAX_ATTEMPTS


class WorkDone(Payload):
    """What `heavy_work` returns."""

    result: str
    payload: JsonValue


class HttpRequest(Payload):
    """What `http_request` sends. The host must be on the allow-list, which is empty by default."""

    url: HttpUrl
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    headers: dict[str, str] = Field(default_factory=dict)
    body: JsonValue = None


class HttpResponse(Payload):
    """The receiver's answer; `body` is cut off at 10,000 characters."""

    status: int
    body: str


class FailedTask(Payload):
    """A task that failed for good: what it was, why it failed, how often it was tried."""

    invocation_id: str
    kind: str
    payload: JsonValue
    reason: str
    attempts: int
    failed_at: str | None
    web_ui: str


TASK_KINDS: dict[str, TypeAdapter[object]] = {
    "heavy_work": TypeAdapter(JsonValue),
    "http_request": TypeAdapter(HttpRequest),
}
"""The payload of each kind. The kind's name is the name of its activity in `activities.message_queue`."""


def check_task(task: Task) -> None:
    """Refuse a task that no worker could run. Raises `UnknownTaskKind`, `ValidationError`."""
    adapter = TASK_KINDS.get(task.kind)
    if adapter is None:
        raise UnknownTaskKind(f"Unknown task kind {task.kind!r}; known are: {', '.join(sorted(TASK_KINDS))}.")
    adapter.validate_python(task.payload, extra="forbid", **STRICT)
