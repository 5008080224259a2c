"""The model alone: for each pattern a unit that is right, and everything that can be wrong with it."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from domain.payload import fingerprint
from tests.chaos.model import (
    Answer,
    Booking,
    Event,
    Fate,
    Invoice,
    Job,
    Location,
    Package,
    Post,
    Task,
    Unit,
    User,
    World,
)

Change = Callable[[World], Any]


def failed(kind: str) -> Answer:
    return Answer(409, {"type": f"urn:problem:{kind}"})


TASK = Task("task-1", 0)
FAILING_TASK = Task("task-2", 0, fails=True)
BOOKED = Booking("trip-1", 0, Fate.BOOKED)
DECLINED = Booking("trip-2", 0, Fate.DECLINED)
CANCELLED = Booking("trip-3", 0, Fate.CANCELLED)
ESCALATED = Invoice("invoice-1", (Event(0, "evt-1", paid=False, request="event-1"),))
PAID = Invoice("invoice-2", (Event(0, "evt-2", paid=False, request="event-2"), Event(1, "evt-3", True, "event-3")))
JOB = Job("job-1", 0, ("shower", "fail to wake up"))
STOPPED_JOB = Job("job-2", 0, ("shower", "fail to wake up"), stops_at_failure=True)
USER = User("user-1", (Post(0, "one"), Post(1, "spam"), Post(2, "two")))
PACKAGE = Package("package-1", 0, (Location(0, "2024-10-10 14:00", "B"), Location(1, "2024-10-10 13:00", "A")))
UNITS: tuple[Unit, ...] = (
    TASK,
    FAILING_TASK,
    BOOKED,
    DECLINED,
    CANCELLED,
    ESCALATED,
    PAID,
    JOB,
    STOPPED_JOB,
    USER,
    PACKAGE,
)
FAILURE = "fail to wake up: FAILED (Subtask 'fail to wake up' cannot be done.)"


def right_world() -> World:
    return World(
        answers={
            "task-1": Answer(200),
            "task-2": failed("execution-failed"),
            "trip-1": Answer(200),
            "trip-2": failed("trip-failed"),
            "trip-3": failed("execution-cancelled"),
            "trip-3/cancel": Answer(202),
            **{f"event-{number}": Answer(202) for number in (1, 2, 3)},
            "job-1": Answer(200, {"description": f"shower: DONE, {FAILURE}"}),
            "job-2": failed("subtask-failed"),
            "package-1": Answer(202),
        },
        flights={"booking:trip-1:flight": "CONFIRMED", "booking:trip-2:flight": "CANCELLED"},
        cars={"booking:trip-1:car": "CONFIRMED", "booking:trip-2:car": "CANCELLED"},
        payments={"booking:trip-1:payment": "CHARGED", "booking:trip-3:payment": "REFUNDED"},
        work={fingerprint(TASK.payload): ["key"]},
        dead_letters=Counter([FAILING_TASK.execution_id]),
        reminders={"invoice-1": [(1, "SENT"), (2, "SENT"), (3, "SENT")], "invoice-2": [(1, "SENT")]},
        tickets={"invoice-1": True},
        closed={"invoice-2"},
        invoices={
            "invoice-1": {"status": "ESCALATED", "remindersSent": 3},
            "invoice-2": {"status": "PAID", "remindersSent": 1},
        },
        packages={"package-1": [PACKAGE.locations[1].body, PACKAGE.locations[0].body]},
        posts={"user-1": [("one", "PUBLISHED"), ("spam", "REJECTED"), ("two", "PUBLISHED")]},
        feeds={"user-1": [(1, "one"), (2, "two")]},
    )


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_that_ended_as_it_must_is_right(unit: Unit) -> None:
    assert unit.violations(right_world()) == []


@pytest.mark.parametrize("status", ["SENDING", "SENT"])
def test_a_reminder_may_be_given_up_because_the_payment_came(status: str) -> None:
    world = right_world()
    world.reminders["invoice-2"].append((2, status))
    assert PAID.violations(world) == []


def test_a_cancellation_that_came_too_late_may_find_the_trip_booked() -> None:
    world = right_world()
    world.answers |= {"trip-3": Answer(200), "trip-3/cancel": failed("already-finished")}
    world.flights["booking:trip-3:flight"] = world.cars["booking:trip-3:car"] = "CONFIRMED"
    world.payments["booking:trip-3:payment"] = "CHARGED"
    assert CANCELLED.violations(world) == []


@pytest.mark.parametrize(
    ("unit", "change", "violation"),
    [
        (TASK, lambda w: w.answers.pop("task-1"), "lost: its outcome never came"),
        (TASK, lambda w: w.answers.update({"task-1": failed("execution-failed")}), "not a success"),
        (TASK, lambda w: w.work.clear(), "lost: its work is done 0 times"),
        (TASK, lambda w: w.work.update({fingerprint(TASK.payload): ["a", "b"]}), "done twice"),
        (FAILING_TASK, lambda w: w.work.update({fingerprint(FAILING_TASK.payload): ["a"]}), "wrong: its work"),
        (FAILING_TASK, lambda w: w.dead_letters.clear(), "lost: it is a dead letter 0 times"),
        (BOOKED, lambda w: w.payments.clear(), "half done: booked, but its payment is None"),
        (BOOKED, lambda w: w.cars.update({"booking:trip-1:car": "RESERVED"}), "its car is RESERVED"),
        (BOOKED, lambda w: w.answers.update({"trip-1": failed("trip-failed")}), "not booked, but its flight"),
        (DECLINED, lambda w: w.payments.update({"booking:trip-2:payment": "CHARGED"}), "its payment is CHARGED"),
        (DECLINED, lambda w: w.answers.update({"trip-2": Answer(200)}), "not trip-failed"),
        (CANCELLED, lambda w: w.flights.update({"booking:trip-3:flight": "RESERVED"}), "its flight is RESERVED"),
        (CANCELLED, lambda w: w.answers.update({"trip-3": Answer(200)}), "although its cancellation was accepted"),
        (CANCELLED, lambda w: w.answers.update({"trip-3/cancel": Answer(500)}), "answered with 500"),
        (ESCALATED, lambda w: w.reminders["invoice-1"].pop(), "lost: only 2 reminders"),
        (ESCALATED, lambda w: w.reminders["invoice-1"].append((4, "SENT")), "out of order"),
        (ESCALATED, lambda w: w.reminders.update({"invoice-1": [(1, "SENT"), (3, "SENT")]}), "out of order"),
        (ESCALATED, lambda w: w.reminders["invoice-1"].__setitem__(2, (3, "SENDING")), "half done: its reminders"),
        (ESCALATED, lambda w: w.tickets.clear(), "lost: it has no open ticket"),
        (ESCALATED, lambda w: w.closed.add("invoice-1"), "closed: True"),
        (PAID, lambda w: w.answers.pop("event-3"), "lost: event-3 never came"),
        (PAID, lambda w: w.tickets.update({"invoice-2": True}), "its ticket is open"),
        (PAID, lambda w: w.reminders.update({"invoice-2": [(1, "SENDING"), (2, "SENT")]}), "half done: its reminders"),
        (PAID, lambda w: w.reminders["invoice-2"].extend([(2, "SENT"), (3, "SENT")]), "it shows 1 reminders, 3 are"),
        (PAID, lambda w: w.invoices.clear(), "it is unknown, not PAID"),
        (PAID, lambda w: w.invoices["invoice-2"].update(remindersSent=2), "it shows 2 reminders, 1 are recorded"),
        (JOB, lambda w: w.answers.update({"job-1": Answer(200, {"description": "shower: DONE"})}), "lost"),
        (
            JOB,
            lambda w: w.answers.update({"job-1": Answer(200, {"description": f"{FAILURE}, shower: DONE"})}),
            "out of order",
        ),
        (STOPPED_JOB, lambda w: w.answers.update({"job-2": Answer(200)}), "not subtask-failed"),
        (USER, lambda w: w.feeds["user-1"].reverse(), "feed: out of order"),
        (USER, lambda w: w.feeds.update({"user-1": [(1, "two"), (2, "one")]}), "feed: lost"),
        (USER, lambda w: w.posts["user-1"].append(("two", "PUBLISHED")), "posts: doubled"),
        (USER, lambda w: w.feeds["user-1"].append((3, "spam")), "feed: unknown"),
        (PACKAGE, lambda w: w.packages["package-1"].reverse(), "out of order"),
        (PACKAGE, lambda w: w.packages["package-1"].pop(), "lost"),
    ],
)
def test_what_is_wrong_is_described(unit: Unit, change: Change, violation: str) -> None:
    world = right_world()
    change(world)
    assert any(violation in each for each in unit.violations(world)), unit.violations(world)
