"""A trip that is interrupted at any point is booked and paid once, or nothing is held for it.

The real workflow on a real server, with the simulated airline, rental company and card network, in either mode of its
steps.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pydantic import SecretStr
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.common import RetryPolicy
from temporalio.testing import WorkflowEnvironment

from domain.booking import BOOKING, CardToken, TripConfirmation
from domain.steps import StepMode
from infra.card_network import CardVault
from infra.database import Database
from tests.chaos.planted import SagaThatUndoesOnlyWhatItRemembers
from tests.eventually import eventually
from tests.histories import events
from tests.infra.schema import upgrade
from tests.workflows.interruptions import Act, Course, Interruptions, trip
from workflows import policies
from workflows.booking import BookingWorkflow

T = TypeVar("T")
CONCURRENT_TRIPS = 20
ATTEMPTS = 10
"""So many trips are started at most to find one that the machine does not disturb."""


@dataclass(frozen=True)
class Story:
    """What happens to a trip that is not interrupted."""

    name: str
    card: str = "4242424242424242"
    faults: Mapping[str, str] = field(default_factory=dict)


BOOKED = Story("booked")
DECLINED = Story("declined", card="4111111111111111")
UNCONFIRMED = Story("unconfirmed", faults={"confirm car": "refuse before"})
STORIES = (BOOKED, DECLINED, UNCONFIRMED)
FORWARD = ("reserve flight", "reserve car", "charge", "confirm flight", "confirm car")


class Trips:
    """Starts trips on one worker, each with a course of its own."""

    def __init__(self, client: Client, systems: Interruptions, cards: dict[str, CardToken], steps: StepMode) -> None:
        self.client = client
        self.systems = systems
        self.steps = steps
        self._cards = cards
        self.task_queue = f"booking-{uuid.uuid4()}"

    async def start(
        self,
        story: Story,
        acts: dict[str, Act],
        faults: dict[str, str] | None = None,
        queue: str | None = None,
        task_timeout: timedelta = policies.TASK_TIMEOUT,
    ) -> Course:
        workflow_id = BOOKING.execution_id(uuid.uuid4().hex)
        handle = self.client.get_workflow_handle(workflow_id, result_type=TripConfirmation)
        course = Course(handle, acts, {**(faults or {}), **story.faults})
        self.systems.courses[workflow_id] = course
        await self.client.start_workflow(
            BookingWorkflow.run,
            trip(self._cards[story.card], self.steps),
            id=workflow_id,
            task_queue=queue or self.task_queue,
            task_timeout=task_timeout,
        )
        return course

    async def points(self, *stories: Story) -> list[tuple[Story, str, int]]:
        """Every point that such trips pass, and the number of tasks that are done at this point.

        A point that several stories reach in the same way is returned once.
        """
        seen: dict[tuple[str, ...], tuple[Story, str, int]] = {}
        for story in stories:
            course = await self._undisturbed(story)
            for place, point in enumerate(course.passed):
                before = course.passed[:place]
                done = sum(passed.startswith("task") for passed in before)
                seen.setdefault((*before, point), (story, point, done))
        return list(seen.values())

    async def _undisturbed(self, story: Story) -> Course:
        """A trip without a call or a task that the machine was too busy for: its repetition would add points that no
        other trip passes."""
        for _ in range(ATTEMPTS):
            course = await self.start(story, {})
            await course.settled()
            tasks, calls = (sum(point.startswith(kind) for point in course.passed) for kind in ("task", "before"))
            if tasks == calls + 1 and len(set(course.passed)) == len(course.passed):
                return course
        pytest.fail(f"each of {ATTEMPTS} trips was disturbed, the last one so: {course.passed}")

    async def reset(self, course: Course, task: int) -> None:
        """Reset the trip to the end of one of its workflow tasks, counted from 0; to its first one if none has ended.

        Nothing interrupts the new run: acts that the first run did not reach are removed.
        """
        course.acts = {}
        done = await events(course.handle, "WORKFLOW_TASK_COMPLETED") or await events(
            course.handle, "WORKFLOW_TASK_STARTED"
        )
        await self.client.workflow_service.reset_workflow_execution(
            ResetWorkflowExecutionRequest(
                namespace=self.client.namespace,
                workflow_execution=WorkflowExecution(workflow_id=course.handle.id),
                reason="test",
                workflow_task_finish_event_id=done[min(task, len(done) - 1)].event_id,
                request_id=uuid.uuid4().hex,
            )
        )


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite+aiosqlite:///{tmp_path}/patterns.db"
    await upgrade(url)
    opened = Database(url)
    yield opened
    await opened.close()


@pytest.fixture
async def trips(
    dev_server: WorkflowEnvironment, database: Database, steps: StepMode, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Trips]:
    for limit in ("start_to_close_timeout", "schedule_to_close_timeout"):
        monkeypatch.setitem(policies.LOCAL_ATTEMPT, limit, timedelta(seconds=3))
    for policy in (policies.BOOKING_STEP, policies.COMPENSATION):
        monkeypatch.setitem(policy, "start_to_close_timeout", timedelta(seconds=3))
        # On a busy machine a step must not time out: the trip would not reach its later points.
        monkeypatch.setitem(policy, "schedule_to_close_timeout", timedelta(seconds=60))
        monkeypatch.setitem(policy, "retry_policy", RetryPolicy(initial_interval=timedelta(milliseconds=100)))
    vault = CardVault(database, SecretStr("secret"))
    cards = {story.card: await vault.tokenize(story.card) for story in STORIES}
    running = Trips(dev_server.client, Interruptions(database), cards, steps)
    async with running.systems.worker(dev_server.client, running.task_queue):
        yield running


async def cancel(handle: WorkflowHandle[Any, Any]) -> None:
    await handle.cancel()


async def terminate(handle: WorkflowHandle[Any, Any]) -> None:
    await handle.terminate()


async def concurrently(courses: Iterable[Awaitable[T]]) -> list[T]:
    """Run a few at a time. All at once they would queue for one database until their attempts time out, and on a busy
    machine one task of a trip would do what took two when its points were found.
    """
    slots = asyncio.Semaphore(CONCURRENT_TRIPS)

    async def one(course: Awaitable[T]) -> T:
        async with slots:
            return await course

    return await asyncio.gather(*map(one, courses))


async def test_a_trip_cancelled_at_any_point_is_undone_or_booked(trips: Trips) -> None:
    async def run(story: Story, acts: dict[str, Act], faults: dict[str, str] | None = None) -> Course:
        course = await trips.start(story, acts, faults)
        await course.settled()
        return course

    started = []
    for story, point, _ in await trips.points(*STORIES):
        started.append(run(story, {point: cancel}))
        kind, _, name = point.partition(" ")
        if kind == "task":
            started.append(run(story, {point: cancel}, {point: "fail"}))
        else:
            started.append(run(story, {point: cancel}, {name: f"lose {kind}"}))
            started.append(run(story, {"backoff": cancel}, {name: f"fail {kind}"}))
    courses = await concurrently(started)
    assert [(course.handle.id, course.acts.keys(), course.passed) for course in courses if not course.acted] == []
    assert await trips.systems.leaks() == []


@pytest.mark.parametrize("steps", [StepMode.LOCAL], indirect=True)
async def test_a_local_step_that_is_cut_off_by_the_cancellation_is_undone(trips: Trips) -> None:
    """A short task ends while a call is in flight. The next one brings the cancellation, which ends the step only."""

    async def run(story: Story, point: str) -> None:
        kind, _, name = point.partition(" ")
        course = await trips.start(story, {point: cancel}, {name: f"lose {kind}"}, task_timeout=timedelta(seconds=1))
        await course.settled()

    await concurrently(run(BOOKED, f"{kind} {name}") for kind in ("before", "after") for name in FORWARD)
    assert await trips.systems.leaks() == []


@pytest.mark.parametrize("steps", [StepMode.LOCAL], indirect=True)
async def test_a_saga_that_undoes_only_what_it_remembers_is_found(trips: Trips) -> None:
    """A lost task has reserved and charged. Neither its successor nor the history knows."""
    queue = f"booking-{uuid.uuid4()}"
    async with trips.systems.worker(trips.client, queue, SagaThatUndoesOnlyWhatItRemembers):
        course = await trips.start(BOOKED, {"task 4": cancel}, {"task 4": "fail"}, queue)
        await course.settled()
    [leak] = await trips.systems.leaks()
    assert "CANCELED, ['CANCELLED', 'RESERVED', 'CHARGED']" in leak


async def test_a_trip_that_loses_an_answer_at_any_point_is_undone_or_booked(
    trips: Trips, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer is lost once, and the next attempt gets one; or always, so that the step fails. Lost calls end late."""
    monkeypatch.setitem(policies.BOOKING_STEP, "schedule_to_close_timeout", timedelta(seconds=6))

    async def run(story: Story, faults: dict[str, str]) -> None:
        course = await trips.start(story, {}, faults)
        await course.settled()

    started = []
    for story, point, _ in await trips.points(*STORIES):
        kind, _, name = point.partition(" ")
        if kind == "task":
            continue
        started.append(run(story, {name: f"lose {kind}"}))
        if name in FORWARD:
            started.append(run(story, {name: f"lose {kind} always"}))
    await concurrently(started)
    assert await trips.systems.leaks() == []


async def test_a_worker_lost_at_any_call_is_replaced(trips: Trips) -> None:
    """Its call continues without it, and ends after the trip has closed."""

    async def lose(story: Story, point: str) -> None:
        kind, _, name = point.partition(" ")
        queue = f"booking-{uuid.uuid4()}"
        async with AsyncExitStack() as second, AsyncExitStack() as first:
            await first.enter_async_context(trips.systems.worker(trips.client, queue))
            lost = asyncio.Event()

            async def note_loss(_: WorkflowHandle[Any, Any]) -> None:
                lost.set()

            course = await trips.start(story, {point: note_loss}, {name: f"lose {kind}"}, queue)
            await lost.wait()
            await first.aclose()
            await second.enter_async_context(trips.systems.worker(trips.client, queue))
            await course.settled()

    points = [(story, point) for story, point, _ in await trips.points(UNCONFIRMED) if not point.startswith("task")]
    await concurrently(lose(story, point) for story, point in points)
    assert await trips.systems.leaks() == []


@pytest.mark.parametrize("steps", [StepMode.ACTIVITY], indirect=True)
async def test_a_terminated_trip_is_completed_by_a_reset_to_its_last_task(trips: Trips) -> None:
    """This holds while a call is in flight too, which ends late. With local steps it does not: docs/economy.md."""

    async def resume(story: Story, point: str) -> None:
        kind, _, name = point.partition(" ")
        course = await trips.start(story, {point: terminate}, {name: f"lose {kind}"})
        await course.interrupted()
        await trips.reset(course, -1)
        await course.settled()

    await concurrently([resume(story, point) for story, point, done in await trips.points(UNCONFIRMED) if done])
    assert await trips.systems.leaks() == []


async def test_a_trip_reset_to_any_task_is_undone_or_booked(trips: Trips) -> None:
    """Before the reset it is terminated at any task, forward or compensating, or has closed. No call is in flight."""

    async def go_back(story: Story, acts: dict[str, Act], point: str | None, task: int) -> None:
        course = await trips.start(story, acts | ({point: terminate} if point else {}))
        await course.ended()
        await course.interrupted()
        await eventually(lambda: not course.in_flight and (course.left or trips.steps is StepMode.ACTIVITY))
        await trips.reset(course, task)
        await course.settled()

    started = []
    for story, point, done in await trips.points(UNCONFIRMED):
        if point.startswith("task"):
            tasks = done if trips.steps is StepMode.ACTIVITY else 1
            started += [go_back(story, {}, point, task) for task in range(tasks)]
    for point in ("task 7", "task 8", "task 9") if trips.steps is StepMode.ACTIVITY else ():
        started += [go_back(BOOKED, {"before confirm car": cancel}, point, task) for task in (0, 1, 3, 4, 5)]
    for story in (BOOKED, UNCONFIRMED):
        started += [go_back(story, {}, None, task) for task in range(6)]
    await concurrently(started)
    assert await trips.systems.leaks() == []
