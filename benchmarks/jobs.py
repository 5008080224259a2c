"""What the load generator is asked to do, and what it answers: JSON lines between two processes."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, JsonValue, TypeAdapter


class Check(BaseModel):
    """A right answer: its status, and how often a text occurs in it."""

    status: int = 200
    text: str = ""
    times: int = 1


class Calls(BaseModel):
    """A closed loop: `concurrency` callers, each with one call in flight, for `seconds` and at least one call each.

    `{key}` in path and headers is the caller's next key: `prefix`, a dash and a number, which begins again after
    `keys`. A call that takes longer than `timeout_seconds` is wrong.
    """

    job: Literal["calls"] = "calls"
    base_url: str
    method: str = "POST"
    path: str
    body: JsonValue = None
    headers: dict[str, str] = {}
    prefix: str
    keys: int | None = None
    """All are called once and that is the end, if there is no time limit."""
    concurrency: int
    seconds: float | None
    timeout_seconds: float = 60
    check: Check = Check()
    keep_answers: bool = False


class Delayed(BaseModel):
    """Submit `tasks` evenly over `seconds`, each to run after `delay_seconds`, wait for each, say how late it ended."""

    job: Literal["delayed"] = "delayed"
    base_url: str
    path: str
    attach: str
    """The path that waits for `{id}`."""
    body: JsonValue
    prefix: str
    tasks: int
    seconds: float
    delay_seconds: int
    check: Check


class SdkCalls(BaseModel):
    """The calls of a row, made by a bare Temporal client."""

    job: Literal["sdk"] = "sdk"
    what: Literal["saga-success", "saga-failure", "queue-submit", "queue-call", "state-read"]
    temporal_address: str
    database_url: str
    prefix: str
    keys: int | None = None
    concurrency: int
    seconds: float


class Produce(BaseModel):
    """Write records into a topic, keys in turn; record `number` goes to partition `number % keys % partitions`."""

    job: Literal["produce"] = "produce"
    bootstrap: str
    topic: str
    partitions: int
    prefix: str
    keys: int
    first: int
    records: int
    what: Literal["location", "post"]


Job = Annotated[Calls | Delayed | SdkCalls | Produce, Field(discriminator="job")]
JOB: TypeAdapter[Job] = TypeAdapter(Job)


class Answer(BaseModel):
    """What came of a job. `seconds` is from the first call to the last answer, `cpu_seconds` the generator's own."""

    units: int
    seconds: float
    cpu_seconds: float
    latencies_ms: list[float] = []
    wrong: int = 0
    first_wrong: str = ""
    answers: list[str] = []
