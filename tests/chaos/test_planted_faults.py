"""The check of the storms can fail: it finds planted faults, and nothing where there is none."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import ActivityIDReusePolicy
from temporalio.worker import Worker

from activities.booking import BookingActivities
from activities.message_queue import MessageQueueActivities
from api.invokers.invocation import WebUi
from api.invokers.task import TaskInvoker
from clients.entities import EntityClient
from domain.booking import BOOKING, CarRequest, FlightRequest, FlightReservation, Payment, Trip
from domain.inbox import Batch, Message
from domain.message_queue import MESSAGE_QUEUE
from domain.message_queue import Task as QueuedTask
from domain.package_tracker import PACKAGE_TRACKER, LocationUpdate, PackageRegistration
from domain.plans import Plans
from domain.steps import StepMode
from infra.airline import SimulatedAirline
from infra.card_network import CardVault, SimulatedCardNetwork
from infra.database import Database
from infra.http_sender import HttpSender
from infra.rental_cars import SimulatedRentalCompany
from infra.work import SimulatedWork
from tests.chaos import planted
from tests.chaos.history import history
from tests.chaos.model import Answer, Booking, Fate, Location, Package, Task, World
from tests.chaos.observation import read_database
from tests.dev_server import dev_server
from tests.infra.schema import upgrade
from tests.workflows.fakes import Gate
from workers.activity_methods import activity_methods
from workflows.booking import BookingWorkflow
from workflows.package_tracker import PackageTracker


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    async with dev_server({}) as environment:
        yield environment.client


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite+aiosqlite:///{tmp_path}/patterns.db"
    await upgrade(url)
    opened = Database(url)
    yield opened
    await opened.close()


class TestAPackageThatForgetsItsWatermark:
    async def violations(self, client: Client, kind: type[PackageTracker]) -> list[str]:
        """Deliver two records, then both again, as after the crash of a consumer."""
        locations = tuple(Location(0, f"2024-10-10 1{each}:00", f"stop {each}") for each in range(2))
        package = Package(f"package-{kind.__name__}", 0, locations)
        updates = [
            Message[LocationUpdate](id=f"record-{offset}", body=LocationUpdate(**each.body), offset=offset)
            for offset, each in enumerate(locations)
        ]
        registration = Message[PackageRegistration](
            id="registration", body=PackageRegistration(final_destination="Amsterdam")
        )
        entities = EntityClient(client, Plans())
        async with Worker(client, task_queue=PACKAGE_TRACKER.task_queue, workflows=[kind]):
            await entities.send(
                PACKAGE_TRACKER, package.name, "registerPackage", Batch[PackageRegistration](messages=[registration])
            )
            for _ in range(2):
                records = Batch[LocationUpdate](messages=updates, source="cluster/topic/epoch/0")
                await entities.send(PACKAGE_TRACKER, package.name, "updateLocation", records)
            info = await client.get_workflow_handle(package.execution_id).query(PackageTracker.info)
        assert info is not None
        shown = info.model_dump(mode="json", by_alias=True)["locations"]
        return package.violations(World(answers={package.name: Answer(202)}, packages={package.name: shown}))

    async def test_is_found(self, client: Client) -> None:
        [violation] = await self.violations(client, planted.PackageThatForgetsItsWatermark)
        assert "doubled" in violation

    async def test_is_not_seen_in_one_that_remembers(self, client: Client) -> None:
        assert await self.violations(client, PackageTracker) == []


class SlowAirline(SimulatedAirline):
    """Reserves, and answers only when the gate is open."""

    def __init__(self, database: Database, gate: Gate) -> None:
        super().__init__(database)
        self._gate = gate

    async def reserve(self, reservation: FlightReservation) -> str:
        reservation_id = await super().reserve(reservation)
        await self._gate.passage()
        return reservation_id


class TestASagaThatRegistersItsCompensationsTooLate:
    async def cancelled(
        self, client: Client, database: Database, steps: StepMode, kind: type[BookingWorkflow]
    ) -> Booking:
        """Cancel a trip while its flight is being reserved, and wait until it has ended."""
        booking = Booking(f"trip-{steps}-{kind.__name__}", 0, Fate.CANCELLED)
        gate = Gate()
        gate.close()
        systems = BookingActivities(
            SlowAirline(database, gate), SimulatedRentalCompany(database), SimulatedCardNetwork(database)
        )
        async with Worker(
            client, task_queue=BOOKING.task_queue, workflows=[kind], activities=activity_methods(systems)
        ):
            card = await CardVault(database, SecretStr("of a test")).tokenize("4242424242424242")
            trip = Trip(
                flight=FlightRequest(flight_id="12345", passenger_name="John Doe"),
                car=CarRequest(pickup_location="Airport", rental_date=date(2024, 12, 16)),
                payment=Payment(card=card, amount_cents=1500),
                steps=steps,
            )
            running = await client.start_workflow(
                kind.run, trip, id=booking.execution_id, task_queue=BOOKING.task_queue
            )
            await gate.reached()
            await running.cancel()
            gate.open()
            with pytest.raises(WorkflowFailureError):
                await running.result()
        return booking

    async def violations(self, booking: Booking, database: Database) -> list[str]:
        answers = {
            booking.name: Answer(409, {"type": "urn:problem:execution-cancelled"}),
            f"{booking.name}/cancel": Answer(202, {}),
        }
        world = World(answers=answers)
        await read_database(database, world)
        return booking.violations(world)

    async def test_is_found_and_its_history_is_listed(self, client: Client, database: Database) -> None:
        saga = planted.SagaThatRegistersItsCompensationsTooLate
        booking = await self.cancelled(client, database, StepMode.ACTIVITY, saga)
        assert await self.violations(booking, database) == ["half done: not booked, but its flight is RESERVED"]
        events = "\n".join(await history(client, booking))
        assert "ACTIVITY_TASK_SCHEDULED reserve_flight" in events
        assert "WORKFLOW_EXECUTION_CANCEL_REQUESTED" in events
        assert "cancel_flight" not in events

    @pytest.mark.parametrize("steps", StepMode)
    async def test_is_not_seen_in_one_that_registers_them_before(
        self, client: Client, database: Database, steps: StepMode
    ) -> None:
        booking = await self.cancelled(client, database, steps, BookingWorkflow)
        assert await self.violations(booking, database) == []


class TestATaskThatRunsTwice:
    async def violations(
        self, client: Client, database: Database, kind: type[planted.TaskWhoseAnswerIsLostOnce]
    ) -> list[str]:
        task = Task(f"task-{kind.__name__}", 0)
        http = HttpSender([])
        kinds: MessageQueueActivities = kind(SimulatedWork(timedelta(0), database), http)
        invoker = TaskInvoker(client, WebUi("http://localhost", client.namespace))
        queued = QueuedTask(kind="heavy_work", payload=task.payload)
        async with Worker(client, task_queue=MESSAGE_QUEUE.task_queue, activities=activity_methods(kinds)):
            await invoker.start(task.execution_id, queued, timedelta(0), ActivityIDReusePolicy.REJECT_DUPLICATE)
            finished = await invoker.wait(task.execution_id)
        await http.aclose()
        world = World(answers={task.name: Answer(200, finished.value)})
        await read_database(database, world)
        return task.violations(world)

    async def test_is_found(self, client: Client, database: Database) -> None:
        found = await self.violations(client, database, planted.TaskThatRunsTwice)
        assert found == ["done twice: its work is done 2 times, not 1"]

    async def test_is_not_seen_in_one_whose_attempts_have_the_same_key(
        self, client: Client, database: Database
    ) -> None:
        assert await self.violations(client, database, planted.TaskWhoseAnswerIsLostOnce) == []
