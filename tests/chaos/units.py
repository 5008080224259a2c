"""The units of a storm, decided by its seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.chaos.faults import FaultCounts
from tests.chaos.model import Booking, Event, Fate, Invoice, Job, Location, Package, Post, Task, Unit, User

BEGINNING = datetime(2024, 1, 1, tzinfo=UTC)
CANCEL_WITHIN_SECONDS = 0.5
"""About as long as a trip takes."""


@dataclass(frozen=True)
class Size:
    """How many units of each pattern there are, and over how many seconds. Each record counts as a unit."""

    seconds: float
    faults: FaultCounts
    tasks: int
    bookings: int
    invoices: int
    jobs: int
    users: int
    posts_of_a_user: int
    packages: int
    locations_of_a_package: int


SHORT = Size(
    seconds=14,
    faults=FaultCounts(kills=4, pauses=2, locks=2),
    tasks=60,
    bookings=40,
    invoices=20,
    jobs=20,
    users=10,
    posts_of_a_user=6,
    packages=12,
    locations_of_a_package=20,
)
FULL_SIZE = Size(
    seconds=360,
    faults=FaultCounts(kills=50, pauses=10, locks=15),
    tasks=1_200,
    bookings=600,
    invoices=300,
    jobs=300,
    users=100,
    posts_of_a_user=20,
    packages=140,
    locations_of_a_package=40,
)


def make_units(chance: random.Random, size: Size) -> list[Unit]:
    """Units spread over `size.seconds`, with every kind of every pattern."""
    return [
        *_tasks(chance, size),
        *_bookings(chance, size),
        *(_invoice(chance, size, number) for number in range(size.invoices)),
        *_jobs(chance, size),
        *(_user(chance, size, number) for number in range(size.users)),
        *(_package(chance, size, number) for number in range(size.packages)),
    ]


def _moments(chance: random.Random, size: Size, count: int) -> list[float]:
    return sorted(chance.uniform(0, size.seconds) for _ in range(count))


def _tasks(chance: random.Random, size: Size) -> Iterator[Task]:
    for number, at in enumerate(_moments(chance, size, size.tasks)):
        delay_ms = chance.randrange(1, 5_000) if number % 4 == 0 else 0
        yield Task(f"task-{number}", at, fails=number % 12 == 1, delay_ms=delay_ms)


def _bookings(chance: random.Random, size: Size) -> Iterator[Booking]:
    fates = (Fate.BOOKED, Fate.DECLINED, Fate.CANCELLED, Fate.SOLD_OUT, Fate.CANCELLED)
    for number, at in enumerate(_moments(chance, size, size.bookings)):
        fate = fates[number % len(fates)]
        waits = fate is not Fate.CANCELLED and chance.random() < 0.5
        cancel_after = chance.uniform(0, CANCEL_WITHIN_SECONDS) if fate is Fate.CANCELLED else 0.0
        yield Booking(f"trip-{number}", at, fate, waits, cancel_after)


def _invoice(chance: random.Random, size: Size, number: int) -> Invoice:
    """One to four failures within a few seconds, some of them sent twice. Every third invoice is paid at some time."""
    name = f"invoice-{number}"
    began = chance.uniform(0, size.seconds * 0.8)
    sent = [(f"evt-{name}-{each}", False) for each in range(chance.randint(1, 4))]
    sent += [chance.choice(sent)] * chance.randint(0, 2)
    sent += [(f"evt-{name}-paid", True)] * (number % 3 == 0)
    events = (
        Event(began + chance.uniform(0, 4), event_id, paid, f"{name}/event-{each}", waits=chance.random() < 0.3)
        for each, (event_id, paid) in enumerate(sent)
    )
    return Invoice(name, tuple(sorted(events, key=lambda event: event.at_seconds)))


def _jobs(chance: random.Random, size: Size) -> Iterator[Job]:
    for number, at in enumerate(_moments(chance, size, size.jobs)):
        words = [chance.choice(("shower", "coffee", "breakfast")) for _ in range(chance.randint(2, 10))]
        if number % 3 == 0:
            words[chance.randrange(len(words))] = "fail to wake up"
        subtasks = tuple(f"{word} {number}.{each}" for each, word in enumerate(words))
        yield Job(f"job-{number}", at, subtasks, stops_at_failure=number % 6 == 0)


def _user(chance: random.Random, size: Size, number: int) -> User:
    moments = _moments(chance, size, size.posts_of_a_user)
    words = ["spam" if chance.random() < 0.2 else "news" for _ in moments]
    posts = (Post(at, f"{words[each]} {each} of user {number}") for each, at in enumerate(moments))
    return User(f"user-{number}", tuple(posts))


def _package(chance: random.Random, size: Size, number: int) -> Package:
    """Event times differ from the order of arrival, and some are equal."""
    locations = (
        Location(at, f"{BEGINNING + timedelta(hours=chance.randrange(30)):%Y-%m-%d %H:%M}", f"stop {each}")
        for each, at in enumerate(_moments(chance, size, size.locations_of_a_package))
    )
    return Package(f"package-{number}", chance.uniform(0, size.seconds), tuple(locations))
