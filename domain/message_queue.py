"""(Delayed) message queue: tasks that run once, now or later."""

from typing import Annotated

from pydantic import Field, JsonValue

from domain.payload import Payload

DEFAULT_MAX_ATTEMPTS = 10
MAX_ATTEMPTS_LIMIT = 100


class Task(Payload):
    """Something to do: a kind from the registry and what that kind needs."""

    kind: Annotated[str, Field(min_length=1, max_length=100, examples=["heavy_work"])]
    payload: JsonValue = None
    priority: Annotated[int, Field(ge=1, le=5, description="1 runs first, 5 last.")] = 3
    max_attempts: Annotated[
        int, Field(ge=1, le=MAX_ATTEMPTS_LIMIT, description="Attempts before the task is a dead letter.")
    ] = DEFAULT_MAX_ATTEMPTS


class DeadLetter(Payload):
    """A task that failed for good: what it was, why it failed, how often it was tried."""

    invocation_id: str
    kind: str
    payload: JsonValue
    reason: str
    attempts: int
    failed_at: str | None
    web_ui: str
