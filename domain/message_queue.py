"""(Delayed) message queue: tasks that run once, now or later."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    HttpUrl,
    JsonValue,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from domain.errors import BusinessFailure, Refusal
from domain.pattern import Pattern
from domain.payload import STRICT, Payload
from domain.urls import HIDDEN, shown

MESSAGE_QUEUE = Pattern("message_queue", "AsyncTaskWorker")
DEFAULT_MAX_ATTEMPTS = 10
MAX_ATTEMPTS_LIMIT = 100
MAX_HEADERS = 100
"""Headers of a request that `http_request` sends."""


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


class SecretReference(Payload):
    """The value of a header that a worker takes from its setting `HTTP_TASK_SECRETS`, by this name."""

    model_config = ConfigDict(extra="forbid")

    secret: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$", examples=["PARTNER_TOKEN"])]


def _one_error(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """Raises `ValueError` once, instead of an error for each type that the value could have had."""
    try:
        return validate(value)
    except ValidationError:
        raise ValueError('it must be a text, or {"secret": "NAME"} with a name of HTTP_TASK_SECRETS') from None


def _few(headers: Any) -> Any:
    """Raises `ValueError` before each of them is looked at: a request can have a hundred thousand."""
    if isinstance(headers, dict) and len(headers) > MAX_HEADERS:
        raise ValueError(f"a request has at most {MAX_HEADERS} headers")
    return headers


HeaderValue = Annotated[str | SecretReference, WrapValidator(_one_error)]


class HttpRequest(Payload):
    """What `http_request` sends. The host must be on the allow-list, which is empty by default.

    The value of a header is a text, or `{"secret": "NAME"}`: such a value never enters Temporal.
    """

    url: HttpUrl
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    headers: Annotated[dict[str, HeaderValue], BeforeValidator(_few)] = Field(
        default_factory=dict, max_length=MAX_HEADERS
    )
    body: JsonValue = None

    def redacted(self) -> dict[str, JsonValue]:
        """The request as it is shown: the URL as `shown` does, `***` for the values of headers, secrets by name."""
        request = self.model_dump(mode="json", exclude_unset=True)
        request["url"] = shown(self.url)
        if self.headers:
            request["headers"] = {
                name: {"secret": value.secret} if isinstance(value, SecretReference) else HIDDEN
                for name, value in self.headers.items()
            }
        return request


class HttpResponse(Payload):
    """The receiver's answer; `body` is cut off at 10,000 characters, and has `***` for secrets of the request.

    `unread` says why there is no body although there was one: nested encodings, or one other than gzip and deflate.
    """

    status: int
    body: str
    unread: str | None = None


class FailedTask(Payload):
    """A task that failed for good: what it was, why it failed, how often it was tried.

    `payload` has no secrets: `***` stands for the values of headers, and for the parts of a URL that can have one.
    """

    invocation_id: str
    kind: str
    payload: JsonValue
    reason: str
    attempts: int
    failed_at: str | None
    web_ui: str


@dataclass(frozen=True)
class TaskKind:
    """What a kind takes, and what of it may be shown in lists and messages."""

    payload: TypeAdapter[Any]
    shown: Callable[[Any], JsonValue]


TASK_KINDS: dict[str, TaskKind] = {
    "heavy_work": TaskKind(TypeAdapter(JsonValue), lambda payload: payload),
    "http_request": TaskKind(TypeAdapter(HttpRequest), HttpRequest.redacted),
}
"""The kinds by their names, which are those of their activities in `activities.message_queue`."""


def check_task(task: Task) -> None:
    """Refuse a task that no worker could run. Raises `UnknownTaskKind`, `ValidationError`."""
    kind = TASK_KINDS.get(task.kind)
    if kind is None:
        raise UnknownTaskKind(f"Unknown task kind {task.kind!r}; known are: {', '.join(sorted(TASK_KINDS))}.")
    kind.payload.validate_python(task.payload, extra="forbid", **STRICT)


def shown_payload(task: Task) -> JsonValue:
    """The task's payload without its secrets; `***` for one that its kind cannot read, and for an unknown kind."""
    kind = TASK_KINDS.get(task.kind)
    try:
        return kind.shown(kind.payload.validate_python(task.payload)) if kind else HIDDEN
    except ValidationError:
        return HIDDEN
