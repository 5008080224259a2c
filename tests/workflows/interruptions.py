"""Trips on the simulated systems, each interrupted at one point.

A trip passes points: `task 1`, `before reserve flight`, `after reserve flight`, `task 2`, and so on. At a point a test
can act on the trip (`task 2`: while a worker works on it), and its calls can go wrong:

    fail before, fail after     the call raises, before or after it did its work, and is retried
    lose before, lose after     the call never answers; its work is done after the trip has closed, or at once
    refuse before               the call raises an error that is not retried
    fail task                   the worker fails, so that all events since then reach the next attempt together

With local steps the points have the same names, but the calls and the answers to them are parts of one workflow task:
if `task 2` fails, Temporal knows nothing of the calls before it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, TypeVar

from temporalio import activity
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.booking import BookingActivities
from domain.booking import (
    CardToken,
    CarRequest,
    CarReservation,
    Charge,
    FlightRequest,
    FlightReservation,
    Payment,
    Trip,
    TripConfirmation,
)
from domain.steps import StepMode
from infra.airline import SimulatedAirline
from infra.card_network import SimulatedCardNetwork
from infra.database import Database
from infra.rental_cars import SimulatedRentalCompany
from infra.tables import CarReservations, FlightReservations, Payments
from tests.eventually import eventually
from tests.infra.rows import rows
from tests.workers.watching import Watching
from workers.activity_methods import activity_methods
from workflows.booking import BookingWorkflow

Result = TypeVar("Result")
Act = Callable[[WorkflowHandle[Any, Any]], Awaitable[None]]
TripHandle = WorkflowHandle[BookingWorkflow, TripConfirmation]
RETRY_DELAY = timedelta(seconds=1)
"""The backoff, in which a test can act. On a busy machine the next attempt waits until the test has acted."""
HELD = {"RESERVED", "CONFIRMED", "CHARGED"}


def trip(card: CardToken, steps: StepMode) -> Trip:
    return Trip(
        flight=FlightRequest(flight_id="12345", passenger_name="John Doe"),
        car=CarRequest(pickup_location="Airport", rental_date=date(2024, 12, 16)),
        payment=Payment(card=card, amount_cents=1500),
        steps=steps,
    )


@dataclass
class Course:
    """What happens to one trip at each point. `passed` has the points that it has passed."""

    handle: TripHandle
    acts: dict[str, Act] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    """The fault of a call or a task, by its name such as `charge`: `fail before`, `lose after always`."""
    passed: list[str] = field(default_factory=list)
    acted: set[str] = field(default_factory=set)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    left: bool = False
    """Whether no worker has it in memory any more. One that works on a terminated trip notices it at the end of its
    task only: with local steps it goes on with the next ones until then."""
    in_flight: set[asyncio.Task[Any]] = field(default_factory=set)
    backoff: asyncio.Task[None] | None = None

    async def reach(self, point: str) -> None:
        self.passed.append(point)
        if point in self.acts and point not in self.acted:
            await self.acts[point](self.handle)
            self.acted.add(point)

    async def task(self) -> None:
        """Called when a worker begins a workflow task. Raises `ConnectionError` if the task is to fail."""
        name = f"task {sum(point.startswith('task') for point in self.passed) + 1}"
        self.left = False
        await self.reach(name)
        if self.faults.pop(name, None):
            raise ConnectionError("the worker is lost")

    async def call(self, name: str, work: Callable[[], Awaitable[Result]]) -> Result:
        """Do a call's work, which continues if the worker that asked for it is lost."""
        call = asyncio.create_task(self._call(name, work))
        self.in_flight.add(call)
        call.add_done_callback(self.in_flight.discard)
        return await asyncio.shield(call)

    async def _call(self, name: str, work: Callable[[], Awaitable[Result]]) -> Result:
        if self.backoff:
            await self.backoff
        fault = self.faults.get(name, "")
        is_retried_at_once = activity.info().is_local and fault.startswith("fail")
        if not fault.endswith("always") and not is_retried_at_once:
            self.faults.pop(name, None)
        await self.reach(f"before {name}")
        await self._go_wrong("before", fault)
        result = await work()
        await self.reach(f"after {name}")
        await self._go_wrong("after", fault)
        return result

    async def _go_wrong(self, when: str, fault: str) -> None:
        if fault.startswith(f"lose {when}"):
            await self.closed.wait()
        if fault.startswith(f"refuse {when}"):
            raise ApplicationError("refused", non_retryable=True)
        if fault.startswith(f"fail {when}"):
            if not activity.info().is_local:
                self.backoff = asyncio.create_task(self._in_the_backoff())
            raise ApplicationError("the connection is lost", next_retry_delay=RETRY_DELAY)

    async def _in_the_backoff(self) -> None:
        if "backoff" not in self.acts:
            return

        async def waits() -> bool:
            description = (await self.handle.describe()).raw_description
            return any(activity.attempt > 1 for activity in description.pending_activities)

        await eventually(waits)
        await self.reach("backoff")

    async def settled(self) -> None:
        """Wait until the trip has closed and all of its calls have ended."""
        await self.ended()
        self.closed.set()
        await eventually(lambda: not self.in_flight)

    async def interrupted(self) -> None:
        """Wait until every act has been done."""
        await eventually(lambda: self.acts.keys() <= self.acted)

    async def ended(self) -> None:
        """Wait until the trip has closed, whatever its status."""
        with suppress(WorkflowFailureError):
            await self.handle.result()


@dataclass
class Interruptions:
    """The simulated systems, and the course of each trip that calls them."""

    database: Database
    courses: dict[str, Course] = field(default_factory=dict)

    def activities(self) -> BookingActivities:
        return BookingActivities(Flights(self), Cars(self), CardNetwork(self))

    async def call(self, name: str, key: str, work: Callable[[], Awaitable[Result]]) -> Result:
        return await self.courses[key.rpartition(":")[0]].call(name, work)

    async def leaks(self) -> list[str]:
        """The trips that are neither completed with everything booked, nor failed or cancelled with nothing held."""
        tables: tuple[type[FlightReservations | CarReservations | Payments], ...]
        tables = (FlightReservations, CarReservations, Payments)
        statuses = [{row.key.rpartition(":")[0]: row.status for row in await rows(self.database, t)} for t in tables]
        found = []
        for workflow_id, course in self.courses.items():
            held = [status[workflow_id] for status in statuses if status.get(workflow_id) in HELD]
            description = await course.handle.describe()
            ended = description.status.name if description.status else "UNKNOWN"
            is_booked = held == ["CONFIRMED", "CONFIRMED", "CHARGED"] and ended == "COMPLETED"
            if not is_booked and (held or ended not in ("FAILED", "CANCELED")):
                found.append(f"{workflow_id}: {ended}, {[s.get(workflow_id) for s in statuses]} {course.passed}")
        return found

    @asynccontextmanager
    async def worker(
        self, client: Client, task_queue: str, saga: type[BookingWorkflow] = BookingWorkflow
    ) -> AsyncIterator[Worker]:
        """A worker without a graceful shutdown. It calls `Course.task` when it begins a workflow task of a trip."""
        loop = asyncio.get_running_loop()

        def begin(workflow_id: str, act: WorkflowActivation) -> None:
            if not act.is_replaying:
                asyncio.run_coroutine_threadsafe(self.courses[workflow_id].task(), loop).result()

        def leave(workflow_id: str) -> None:
            self.courses[workflow_id].left = True

        worker = Worker(
            client,
            task_queue=task_queue,
            workflows=[saga],
            activities=activity_methods(self.activities()),
            workflow_runner=Watching(UnsandboxedWorkflowRunner(), begin, leave),
        )
        async with worker:
            yield worker


@dataclass
class Flights:
    systems: Interruptions

    async def reserve(self, reservation: FlightReservation) -> str:
        airline = SimulatedAirline(self.systems.database)
        return await self.systems.call("reserve flight", reservation.key, lambda: airline.reserve(reservation))

    async def confirm(self, key: str) -> None:
        airline = SimulatedAirline(self.systems.database)
        await self.systems.call("confirm flight", key, lambda: airline.confirm(key))

    async def cancel(self, key: str) -> None:
        airline = SimulatedAirline(self.systems.database)
        await self.systems.call("cancel flight", key, lambda: airline.cancel(key))


@dataclass
class Cars:
    systems: Interruptions

    async def reserve(self, reservation: CarReservation) -> str:
        company = SimulatedRentalCompany(self.systems.database)
        return await self.systems.call("reserve car", reservation.key, lambda: company.reserve(reservation))

    async def confirm(self, key: str) -> None:
        company = SimulatedRentalCompany(self.systems.database)
        await self.systems.call("confirm car", key, lambda: company.confirm(key))

    async def cancel(self, key: str) -> None:
        company = SimulatedRentalCompany(self.systems.database)
        await self.systems.call("cancel car", key, lambda: company.cancel(key))


@dataclass
class CardNetwork:
    systems: Interruptions

    async def charge(self, charge: Charge) -> None:
        network = SimulatedCardNetwork(self.systems.database)
        await self.systems.call("charge", charge.key, lambda: network.charge(charge))

    async def refund(self, key: str) -> None:
        network = SimulatedCardNetwork(self.systems.database)
        await self.systems.call("refund", key, lambda: network.refund(key))
