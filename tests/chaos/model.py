"""What must be true of every unit in the end. Pure: it compares what was requested with what was observed.

A unit is one thing that a client asks for: a task, a trip, an invoice, a job, a user's posts, a package. Its
`violations` describe what is wrong with it: lost, done twice, out of order, or half done.
"""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import JsonValue

from api.invokers.invocation import identity
from benchmarks.harness.differences import differences
from domain.booking import BOOKING
from domain.fan_out import FAN_OUT
from domain.formats import read_time
from domain.message_queue import MESSAGE_QUEUE
from domain.package_tracker import PACKAGE_TRACKER
from domain.pattern import Pattern
from domain.payload import fingerprint
from domain.payment_tracker import PAYMENT_TRACKER
from domain.user_feed import USER_FEED

REMINDERS = 3


@dataclass(frozen=True)
class Answer:
    """The gateway's final answer to a request, after all repetitions by its client."""

    status: int
    body: Any = None

    @property
    def problem(self) -> str:
        return str(self.body.get("type", "")).removeprefix("urn:problem:") if isinstance(self.body, dict) else ""

    def __str__(self) -> str:
        return f"{self.status} {self.body}"


@dataclass
class World:
    """What was observed: the gateway's answers, and the rows of the database."""

    answers: dict[str, Answer] = field(default_factory=dict)
    """By request. A unit's outcome is under the unit's name; its other requests have names of their own."""
    flights: dict[str, str] = field(default_factory=dict)
    """Status by key; the same for `cars` and `payments`."""
    cars: dict[str, str] = field(default_factory=dict)
    payments: dict[str, str] = field(default_factory=dict)
    work: dict[str, list[str]] = field(default_factory=dict)
    """The keys under which work was done, by the payload's fingerprint."""
    dead_letters: Counter[str] = field(default_factory=Counter)
    """How often a task is listed as a dead letter, by task ID."""
    reminders: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    """Number and status, by invoice."""
    tickets: dict[str, bool] = field(default_factory=dict)
    """Whether the invoice's ticket is open."""
    closed: set[str] = field(default_factory=set)
    invoices: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What the gateway shows, by invoice; `packages` likewise."""
    packages: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    posts: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """Content and status of a user's posts, in the order in which they were stored."""
    feeds: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    """Position and content of a user's entries, by position."""


@dataclass(frozen=True)
class Task:
    """A task. It is done once or becomes a dead letter."""

    pattern: ClassVar[Pattern] = MESSAGE_QUEUE
    name: str
    at_seconds: float
    fails: bool = False
    delay_ms: int = 0
    size: ClassVar[int] = 1

    @property
    def payload(self) -> dict[str, JsonValue]:
        return {"unit": self.name, **({"fail": "as it was asked to"} if self.fails else {})}

    @property
    def execution_id(self) -> str:
        return MESSAGE_QUEUE.execution_id(identity(MESSAGE_QUEUE, "runTask", self.name))

    def violations(self, world: World) -> list[str]:
        wrong = [_wrong_outcome(world.answers.get(self.name), "execution-failed" if self.fails else None)]
        done = len(world.work.get(fingerprint(self.payload), []))
        wrong.append(_wrong_count("its work is done", done, 0 if self.fails else 1))
        letters = world.dead_letters[self.execution_id]
        wrong.append(_wrong_count("it is a dead letter", letters, 1 if self.fails else 0))
        return [each for each in wrong if each]


class Fate(StrEnum):
    """How a trip must end."""

    BOOKED = "BOOKED"
    DECLINED = "DECLINED"
    SOLD_OUT = "SOLD_OUT"
    CANCELLED = "CANCELLED"
    """By its client; booked if the cancellation came too late."""


@dataclass(frozen=True)
class Booking:
    """A trip. Either everything is booked or nothing is left."""

    pattern: ClassVar[Pattern] = BOOKING
    name: str
    at_seconds: float
    fate: Fate
    waits: bool = False
    """Its client waits for the outcome in one call, instead of sending and attaching."""
    cancel_after_seconds: float = 0.0
    size: ClassVar[int] = 1

    @property
    def execution_id(self) -> str:
        return BOOKING.execution_id(self.name)

    def violations(self, world: World) -> list[str]:
        answer = world.answers.get(self.name)
        booked = answer is not None and answer.status == 200
        wrong = [self._wrong_outcome(world, answer, booked)]
        for what, key, statuses in (
            ("flight", "flight", world.flights),
            ("car", "car", world.cars),
            ("payment", "payment", world.payments),
        ):
            status = statuses.get(f"{self.execution_id}:{key}")
            done = "CHARGED" if what == "payment" else "CONFIRMED"
            if booked and status != done:
                wrong.append(f"half done: booked, but its {what} is {status}")
            if not booked and status in ("RESERVED", "CONFIRMED", "CHARGED"):
                wrong.append(f"half done: not booked, but its {what} is {status}")
        return [each for each in wrong if each]

    def _wrong_outcome(self, world: World, answer: Answer | None, booked: bool) -> str | None:
        if self.fate is not Fate.CANCELLED:
            return _wrong_outcome(answer, None if self.fate is Fate.BOOKED else "trip-failed")
        cancellation = world.answers.get(f"{self.name}/cancel")
        if cancellation is None or (cancellation.status, cancellation.problem) not in _CANCELLATIONS:
            return f"its cancellation was answered with {cancellation}"
        if booked and cancellation.status == 202:
            return "booked, although its cancellation was accepted"
        return None if booked else _wrong_outcome(answer, "execution-cancelled")


_CANCELLATIONS = {(202, ""), (409, "already-finished")}


@dataclass(frozen=True)
class Event:
    """A payment event. Two with the same ID are one event that was sent twice."""

    at_seconds: float
    id: str
    paid: bool
    request: str
    """Names the request, and is its idempotency key."""
    waits: bool = False


@dataclass(frozen=True)
class Invoice:
    """An invoice. Three reminders are sent, then it is escalated, unless it is paid before."""

    pattern: ClassVar[Pattern] = PAYMENT_TRACKER
    name: str
    events: tuple[Event, ...]
    size: ClassVar[int] = 1

    @property
    def execution_id(self) -> str:
        return PAYMENT_TRACKER.execution_id(self.name)

    def violations(self, world: World) -> list[str]:
        wrong = [_wrong_outcome(world.answers.get(event.request), None, event.request) for event in self.events]
        is_paid = any(event.paid for event in self.events)
        shown = world.invoices.get(self.name, {})
        status = "PAID" if is_paid else "ESCALATED"
        if shown.get("status") != status:
            wrong.append(f"it is {shown.get('status', 'unknown')}, not {status}")
        wrong += self._wrong_reminders(world, is_paid, shown.get("remindersSent"))
        has_open_ticket = world.tickets.get(self.name)
        if is_paid and has_open_ticket:
            wrong.append("half done: it is paid, and its ticket is open")
        if not is_paid and not has_open_ticket:
            wrong.append("lost: it has no open ticket")
        if (self.name in world.closed) is not is_paid:
            wrong.append(f"it is paid: {is_paid}, closed: {self.name in world.closed}")
        return [each for each in wrong if each]

    def _wrong_reminders(self, world: World, is_paid: bool, shown: int | None) -> list[str]:
        reminders = world.reminders.get(self.name, [])
        if is_paid and len(reminders) == (shown or 0) + 1:
            reminders = reminders[:-1]  # the payment came between two attempts: the second gave it up
        numbers = [number for number, _ in reminders]
        wrong = []
        if numbers != list(range(1, len(numbers) + 1)) or len(numbers) > REMINDERS:
            wrong.append(f"out of order: its reminders are {numbers}")
        if not is_paid and len(numbers) < REMINDERS:
            wrong.append(f"lost: only {len(numbers)} reminders")
        if any(status != "SENT" for _, status in reminders):
            wrong.append(f"half done: its reminders are {reminders}")
        if shown != len(numbers):
            wrong.append(f"it shows {shown} reminders, {len(numbers)} are recorded")
        return wrong


@dataclass(frozen=True)
class Job:
    """A job. Each result comes once, in the order of the subtasks."""

    pattern: ClassVar[Pattern] = FAN_OUT
    name: str
    at_seconds: float
    subtasks: tuple[str, ...]
    stops_at_failure: bool = False
    size: ClassVar[int] = 1

    @property
    def execution_id(self) -> str:
        return FAN_OUT.execution_id(identity(FAN_OUT, "run", self.name))

    def violations(self, world: World) -> list[str]:
        answer = world.answers.get(self.name)
        if self.stops_at_failure and any(_fails(subtask) for subtask in self.subtasks):
            wrong = _wrong_outcome(answer, "subtask-failed")
            return [wrong] if wrong else []
        if wrong := _wrong_outcome(answer, None):
            return [wrong]
        assert answer is not None
        different = differences([_result(subtask) for subtask in self.subtasks], answer.body["description"].split(", "))
        return [different] if different else []


def _fails(subtask: str) -> bool:
    return subtask.startswith("fail")


def _result(subtask: str) -> str:
    return f"{subtask}: FAILED (Subtask {subtask!r} cannot be done.)" if _fails(subtask) else f"{subtask}: DONE"


@dataclass(frozen=True)
class Post:
    at_seconds: float
    content: str

    @property
    def is_spam(self) -> bool:
        return "spam" in self.content


@dataclass(frozen=True)
class User:
    """A user's posts, in Kafka's order. Spam is rejected, the others make up the feed."""

    pattern: ClassVar[Pattern] = USER_FEED
    name: str
    posts: tuple[Post, ...]

    @property
    def size(self) -> int:
        return len(self.posts)

    @property
    def execution_id(self) -> str:
        return USER_FEED.execution_id(self.name)

    def violations(self, world: World) -> list[str]:
        posts = [(post.content, "REJECTED" if post.is_spam else "PUBLISHED") for post in self.posts]
        feed = [post.content for post in self.posts if not post.is_spam]
        seen = world.feeds.get(self.name, [])
        wrong = [
            differences(posts, world.posts.get(self.name, [])),
            differences(list(enumerate(feed, 1)), seen),
        ]
        return [f"{what}: {each}" for what, each in zip(("posts", "feed"), wrong, strict=True) if each]


@dataclass(frozen=True)
class Location:
    at_seconds: float
    timestamp: str
    location: str

    @property
    def body(self) -> dict[str, str]:
        return {"timestamp": self.timestamp, "location": self.location}


@dataclass(frozen=True)
class Package:
    """A package. It lists its locations by event time; those with equal times in the order in which they came."""

    pattern: ClassVar[Pattern] = PACKAGE_TRACKER
    name: str
    registered_at_seconds: float
    locations: tuple[Location, ...]

    @property
    def size(self) -> int:
        return len(self.locations)

    @property
    def execution_id(self) -> str:
        return PACKAGE_TRACKER.execution_id(self.name)

    def violations(self, world: World) -> list[str]:
        expected = sorted(self.locations, key=lambda location: read_time(location.timestamp))
        wrong = [
            _wrong_outcome(world.answers.get(self.name), None),
            differences([location.body for location in expected], world.packages.get(self.name, [])),
        ]
        return [each for each in wrong if each]


Unit = Task | Booking | Invoice | Job | User | Package


def _wrong_outcome(answer: Answer | None, problem: str | None, what: str = "its outcome") -> str | None:
    """`problem` is the expected failure; None stands for success."""
    if answer is None:
        return f"lost: {what} never came"
    is_right = answer.status in (200, 202) if problem is None else (answer.status, answer.problem) == (409, problem)
    return None if is_right else f"{what} is {answer}, not {problem or 'a success'}"


def _wrong_count(what: str, seen: int, expected: int) -> str | None:
    if seen == expected:
        return None
    return (
        f"{'lost' if seen < expected else 'done twice' if expected else 'wrong'}: {what} {seen} times, not {expected}"
    )
