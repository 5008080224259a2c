"""The rows' calls by a bare Temporal client, with the gateway's arguments: they show what the gateway costs."""

from datetime import timedelta

from pydantic import SecretStr
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import ActivityIDReusePolicy, WorkflowIDReusePolicy

from api.invokers.invocation import WebUi
from api.invokers.task import TaskInvoker
from benchmarks.compare.load.closed_loop import Call
from benchmarks.compare.load.jobs import TemporalCalls
from benchmarks.harness.bodies import DECLINED_CARD, GOOD_CARD, TASK, trip
from domain.booking import BOOKING, Payment, Trip, TripRequest
from domain.message_queue import MESSAGE_QUEUE, Task
from domain.package_tracker import PACKAGE_TRACKER
from domain.payload import MAX_PAYLOAD_BYTES, fingerprint
from infra.card_network import CardVault
from infra.database import Database
from infra.payload_keys import key_ring
from infra.payloads import data_converter
from infra.settings import Settings
from workflows.booking import BookingWorkflow
from workflows.package_tracker import PackageTracker
from workflows.search_attributes import attributes


async def temporal_call(job: TemporalCalls) -> Call:
    """Connect, and return the function that makes one call of the row."""
    ring = key_ring(Settings(payload_keys_file=job.payload_keys))
    converter = data_converter(MAX_PAYLOAD_BYTES, ring)
    client = await Client.connect(job.temporal_address, data_converter=converter)
    if job.row == "state-read":
        return lambda key: _read(client, key)
    if job.row.startswith("queue"):
        task = Task.model_validate(TASK)
        return lambda key: _submit(client, key, task, wait=job.row == "queue-call")
    booking = await _trip(job)
    return lambda key: _book(client, key, booking, fails=job.row == "saga-failure")


async def _trip(job: TemporalCalls) -> Trip:
    """The workflow's input, its card already tokenized."""
    request = TripRequest.model_validate(trip(GOOD_CARD if job.row == "saga-success" else DECLINED_CARD))
    database = Database(job.database_url)
    vault = CardVault(database, SecretStr("of the benchmark"))
    card = await vault.tokenize(request.payment_info.card_number.get_secret_value())
    await database.close()
    return Trip(
        flight=request.flights,
        car=request.car,
        payment=Payment(card=card, amount_cents=request.payment_info.amount),
    )


async def _book(client: Client, key: str, booking: Trip, *, fails: bool) -> str:
    outcome = client.execute_workflow(
        BookingWorkflow.run,
        booking,
        id=BOOKING.execution_id(key),
        task_queue=BOOKING.task_queue,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        memo={"fingerprint": fingerprint(booking.model_dump(mode="json"))},
        static_summary=f"{BOOKING.service} {key}",
        search_attributes=attributes(BOOKING, key),
    )
    try:
        return str(await outcome)
    except WorkflowFailureError as failure:
        if not fails or "Ran 3 compensations" not in str(failure.cause):
            raise
        return str(failure.cause)


async def _submit(client: Client, key: str, task: Task, *, wait: bool) -> str:
    activity_id = MESSAGE_QUEUE.execution_id(key)
    tasks = TaskInvoker(client, WebUi("", ""))
    await tasks.start(activity_id, task, timedelta(0), ActivityIDReusePolicy.REJECT_DUPLICATE)
    return str(await client.get_activity_handle(activity_id).result()) if wait else ""


async def _read(client: Client, key: str) -> str:
    handle = client.get_workflow_handle(PACKAGE_TRACKER.execution_id(key))
    return str(await handle.query(PackageTracker.info))
