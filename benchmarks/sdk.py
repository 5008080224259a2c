"""The rows' calls by a bare Temporal client, with the gateway's arguments: what they cost without a gateway."""

from collections.abc import Awaitable, Callable
from datetime import date, timedelta

from temporalio.client import Client, WorkflowFailureError
from temporalio.common import ActivityIDReusePolicy, WorkflowIDReusePolicy
from temporalio.contrib.pydantic import pydantic_data_converter

from api.invocation import WebUi
from api.task_invoker import TaskInvoker
from benchmarks.jobs import SdkCalls
from domain.booking import CarRequest, FlightRequest, Payment, Trip
from domain.message_queue import Task
from domain.patterns import BOOKING, MESSAGE_QUEUE, PACKAGE_TRACKER
from domain.payload import fingerprint
from infra.card_network import CardVault
from infra.database import Database
from infra.settings import Settings
from workflows.booking import BookingWorkflow
from workflows.package_tracker import PackageTracker
from workflows.search_attributes import attributes

GOOD_CARD, DECLINED_CARD = "4242424242424242", "4111111111111111"
TASK = Task(kind="heavy_work", payload={"report": 7})


async def sdk_call(job: SdkCalls) -> Callable[[str], Awaitable[str]]:
    """Make the function that makes one call of the row."""
    client = await Client.connect(job.temporal_address, data_converter=pydantic_data_converter)
    if job.what == "state-read":
        return lambda key: _read(client, key)
    if job.what.startswith("queue"):
        return lambda key: _task(client, key, wait=job.what == "queue-call")
    trip = await _trip(job)
    return lambda key: _book(client, key, trip, fails=job.what == "saga-failure")


async def _trip(job: SdkCalls) -> Trip:
    database = Database(job.database_url)
    vault = CardVault(database, Settings().card_token_key)
    card = await vault.tokenize(GOOD_CARD if job.what == "saga-success" else DECLINED_CARD)
    await database.close()
    return Trip(
        flight=FlightRequest(flight_id="12345", passenger_name="John Doe"),
        car=CarRequest(pickup_location="Airport", rental_date=date(2024, 12, 16)),
        payment=Payment(card=card, amount_cents=1500),
    )


async def _book(client: Client, key: str, trip: Trip, *, fails: bool) -> str:
    booking = client.execute_workflow(
        BookingWorkflow.run,
        trip,
        id=BOOKING.execution_id(key),
        task_queue=BOOKING.task_queue,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        memo={"fingerprint": fingerprint(trip.model_dump(mode="json"))},
        static_summary=f"{BOOKING.service} {key}",
        search_attributes=attributes(BOOKING, key),
    )
    try:
        return str(await booking)
    except WorkflowFailureError as failure:
        if not fails or "Ran 3 compensations" not in str(failure.cause):
            raise
        return str(failure.cause)


async def _task(client: Client, key: str, *, wait: bool) -> str:
    activity_id = MESSAGE_QUEUE.execution_id(key)
    tasks = TaskInvoker(client, WebUi("", ""))
    await tasks.start(activity_id, TASK, timedelta(0), ActivityIDReusePolicy.REJECT_DUPLICATE)
    return str(await client.get_activity_handle(activity_id).result()) if wait else ""


async def _read(client: Client, key: str) -> str:
    handle = client.get_workflow_handle(PACKAGE_TRACKER.execution_id(key))
    return str(await handle.query(PackageTracker.info))
