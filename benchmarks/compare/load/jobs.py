"""What the load generator is asked to do, and what it reports: JSON lines between two processes."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, JsonValue, TypeAdapter


class Expected(BaseModel):
    """A right answer: its status, and how many times a text occurs in it."""

    status: int = 200
    text: str = ""
    times: int = 1


class HttpCalls(BaseModel):
    """A closed loop: `concurrency` callers, each with one call in flight, for `seconds` and at least one call each.

    `{key}` in path and headers is the caller's next key: `prefix-0`, `prefix-1` and so on; after `keys` of them from
    the first one again. A call that takes longer than `timeout_seconds` is wrong.
    """

    job: Literal["calls"] = "calls"
    base_url: str
    method: str = "POST"
    path: str
    body: JsonValue = None
    headers: dict[str, str] = {}
    prefix: str
    keys: int | None = None
    concurrency: int
    seconds: float | None
    """None: call each of `keys` once."""
    timeout_seconds: float = 60
    expected: Expected = Expected()
    keep_answers: bool = False


class DelayedTasks(BaseModel):
    """Submit `tasks` evenly over `seconds`, each to run after `delay_seconds`; wait for each, and report how late it
    ended."""

    job: Literal["delayed"] = "delayed"
    base_url: str
    path: str
    attach: str
    """The path that waits for the outcome of the invocation `{id}`."""
    body: JsonValue
    headers: dict[str, str] = {}
    prefix: str
    tasks: int
    seconds: float
    delay_seconds: int
    expected: Expected


class TemporalCalls(BaseModel):
    """The calls of a row, made by a bare Temporal client: a closed loop as of `HttpCalls`."""

    job: Literal["temporal"] = "temporal"
    row: Literal["saga-success", "saga-failure", "queue-submit", "queue-call", "state-read"]
    temporal_address: str
    database_url: str
    payload_keys: Path
    prefix: str
    keys: int | None = None
    concurrency: int
    seconds: float


class Records(BaseModel):
    """Write records into a topic. Record `n` is of the key `n % keys`; each key stays on one partition."""

    job: Literal["records"] = "records"
    bootstrap: str
    topic: str
    partitions: int
    prefix: str
    keys: int
    first: int
    records: int
    kind: Literal["location", "post"]


Job = Annotated[HttpCalls | DelayedTasks | TemporalCalls | Records, Field(discriminator="job")]
JOB: TypeAdapter[Job] = TypeAdapter(Job)


class Report(BaseModel):
    """What came of a job. `seconds` is from the first call to the last answer, `cpu_seconds` the generator's own."""

    units: int = 0
    seconds: float = 0
    cpu_seconds: float = 0
    latencies_ms: list[float] = []
    wrong: int = 0
    first_wrong: str = ""
    answers: list[str] = []
