"""The rows of the comparison: what is asked of every system, and how its answers are checked."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from benchmarks import kafka_rows
from benchmarks.jobs import Calls, Check, Delayed, SdkCalls
from benchmarks.measure import Measured, Session
from domain.patterns import BOOKING, PAYMENT_TRACKER

MANY, SOME = 50, 20
"""Calls in flight."""
WARM_UP = 0.25
"""Of the time that a row loads a system, before it."""
DELAY_SECONDS = 2
DELAYED_PER_SECOND = 50
EVENTS_FROM = 20
"""Histories whose events are counted."""
FAN_OUT_WITHIN_SECONDS = 60
LARGEST_FAN_OUT = 10_000
"""Without a warm-up of its own: the smaller ones were that."""

LOCATIONS = 3
"""Of each package that is read."""
KNOWN_KEYS = "read"
"""The prefix of the packages that are read."""


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    unit: str
    measure: Callable[[Session], Awaitable[Measured]]
    by_sdk: bool = False
    """Also measured with a bare Temporal client, which gives the gateway's share."""
    by_latency: bool = False
    """Systems are compared by the median of the latency instead of by throughput."""


BOOK = f"/{BOOKING.service}/{{key}}/run"


def trip(card: str) -> JsonValue:
    return {
        "flights": {"flightId": "12345", "passengerName": "John Doe"},
        "car": {"pickupLocation": "Airport", "rentalDate": "2024-12-16"},
        "paymentInfo": {"cardNumber": card, "amount": 1500},
    }


GOOD_TRIP, DECLINED_TRIP = trip("4242424242424242"), trip("4111111111111111")
TASK: JsonValue = {"kind": "heavy_work", "payload": {"report": 7}}
FAILED_PAYMENT: JsonValue = {
    "type": "invoice.payment_failed",
    "created": 1633025000,
    "data": {"id": "evt_1JH2Y4F2eZvKYlo2C8b9", "customer": "cus_J5K2Y4F2eZvKYlo2"},
}
BOOKED = Check(text="**** 4242")
UNDONE = Check(status=409, text="Ran 3 compensations.")
DONE = Check(text='"DONE"')


async def saga_success(session: Session) -> Measured:
    measured, prefix = await _measure(session, Loop("saga-success", BOOK, GOOD_TRIP, BOOKED))
    for table, status in (
        ("flight_reservations", "CONFIRMED"),
        ("car_reservations", "CONFIRMED"),
        ("payments", "CHARGED"),
    ):
        query = f"SELECT count(*) FROM {table} WHERE key LIKE ? AND status = ?"  # noqa: S608 - names of our own
        session.expect(f"{table} of booked trips", measured.units, query, f"%{prefix}-%", status)
    return await _with_events(session, measured, BOOKING.execution_id, prefix)


async def saga_failure(session: Session, concurrency: int = MANY) -> Measured:
    measured, prefix = await _measure(session, Loop("saga-failure", BOOK, DECLINED_TRIP, UNDONE, concurrency))
    for table in ("flight_reservations", "car_reservations", "payments"):
        query = f"SELECT count(*) FROM {table} WHERE key LIKE ? AND status = 'CANCELLED'"  # noqa: S608 - names of our own
        session.expect(f"{table} of failed trips", measured.units, query, f"%{prefix}-%")
    return await _with_events(session, measured, BOOKING.execution_id, prefix)


async def saga_one(session: Session) -> Measured:
    return await saga_failure(session, concurrency=1)


async def queue_submit(session: Session) -> Measured:
    loop = Loop("queue-submit", "/AsyncTaskWorker/runTask/send", TASK, Check(status=202))
    measured, prefix = await _measure(session, loop, until_rest=True)
    if not session.by_sdk:
        await _outcomes_are_there(session, prefix, measured.units)
    return measured


async def queue_call(session: Session) -> Measured:
    measured, _ = await _measure(session, Loop("queue-call", "/AsyncTaskWorker/runTask", TASK, DONE))
    return measured


async def queue_delayed(session: Session) -> Measured:
    tasks = max(20, int(DELAYED_PER_SECOND * session.seconds / 2))
    job = Delayed(
        base_url=session.system.base_url,
        path="/AsyncTaskWorker/runTask/send",
        attach=session.system.attach,
        body=TASK,
        prefix="delayed",
        tasks=tasks,
        seconds=tasks / DELAYED_PER_SECOND,
        delay_seconds=DELAY_SECONDS,
        check=DONE,
    )
    return await session.measure(lambda: session.generator.do(job))


async def payment_reminder(session: Session) -> Measured:
    path = f"/{PAYMENT_TRACKER.service}/{{key}}/onPaymentFailure"
    loop = Loop("payment-reminder", path, FAILED_PAYMENT, Check(text="remindersSent"), SOME)
    measured, prefix = await _measure(session, loop)
    query = "SELECT count(*) FROM reminders WHERE invoice LIKE ? AND status = 'SENT'"
    session.expect("reminders", measured.units, query, f"{prefix}-%")
    return await _with_events(session, measured, PAYMENT_TRACKER.execution_id, prefix)


def fan_out(subtasks: int) -> Callable[[Session], Awaitable[Measured]]:
    """Jobs of so many subtasks, one after the other."""
    body: JsonValue = {"description": ",".join(f"subtask {number}" for number in range(subtasks))}
    check = Check(text=": DONE", times=subtasks)

    async def measure(session: Session) -> Measured:
        job = Calls(
            base_url=session.system.base_url,
            path="/FanOutWorker/run",
            body=body,
            prefix=f"fan-out-{subtasks}",
            concurrency=1,
            seconds=session.seconds,
            timeout_seconds=FAN_OUT_WITHIN_SECONDS,
            check=check,
        )
        if subtasks < LARGEST_FAN_OUT:
            await session.generator.do(job.model_copy(update={"seconds": session.seconds * WARM_UP}))
        measured = await session.measure(lambda: session.generator.do(job), units_per_call=subtasks)
        if session.system.histories:
            measured.events_per_unit = await session.system.histories.of_latest("FanOutWorker") / subtasks
        return measured

    return measure


async def state_read(session: Session) -> Measured:
    """Packages with a few locations each."""
    url = session.system.base_url
    known = Calls(base_url=url, path="", body={}, prefix=KNOWN_KEYS, keys=MANY, concurrency=SOME, seconds=None)
    if not session.by_sdk:
        register = {"path": "/PackageTracker/{key}/registerPackage", "body": {"finalDestination": "Amsterdam"}}
        await session.generator.do(known.model_copy(update=register))
        for number in range(LOCATIONS):
            body = {"timestamp": f"2024-10-10 13:0{number}", "location": "Pinetree Road 5, Paris"}
            update = {"path": "/PackageTracker/{key}/updateLocation", "body": body}
            await session.generator.do(known.model_copy(update=update))
    check = Check(text="Pinetree Road", times=LOCATIONS)
    loop = Loop("state-read", "/PackageTracker/{key}/getPackageInfo", None, check, SOME, keys=MANY)
    measured, _ = await _measure(session, loop)
    return measured


@dataclass(frozen=True)
class Loop:
    """Calls in a closed loop, the same by HTTP and by a bare client."""

    what: str
    path: str
    body: JsonValue
    check: Check
    concurrency: int = MANY
    keys: int | None = None
    """So many keys that exist already, instead of new ones."""

    def job(self, session: Session, prefix: str, seconds: float) -> Calls | SdkCalls:
        prefix = KNOWN_KEYS if self.keys else prefix
        common: dict[str, Any] = {"prefix": prefix, "keys": self.keys, "concurrency": self.concurrency}
        system = session.system
        if session.by_sdk:
            return SdkCalls(
                what=self.what,
                temporal_address=system.temporal_address or "",
                database_url=f"sqlite+aiosqlite:///{system.database}",
                seconds=seconds,
                **common,
            )
        return Calls(
            base_url=system.base_url,
            method="GET" if self.body is None else "POST",
            path=self.path,
            body=self.body,
            headers={"idempotency-key": "{key}"} if self.path.startswith("/AsyncTaskWorker") else {},
            check=self.check,
            seconds=seconds,
            **common,
        )


async def _measure(session: Session, loop: Loop, *, until_rest: bool = False) -> tuple[Measured, str]:
    """Warm the system up, then measure it. Returns the prefix of the measured keys, too."""
    name = f"{loop.what}-{session.name}-{loop.concurrency}"
    await session.generator.do(loop.job(session, f"w-{name}", session.seconds * WARM_UP))
    job = loop.job(session, f"m-{name}", session.seconds)
    return await session.measure(lambda: session.generator.do(job), until_rest=until_rest), f"m-{name}"


async def _outcomes_are_there(session: Session, prefix: str, units: int) -> None:
    """Submit tasks again that were submitted: the system must know them, and their outcome."""
    job = Delayed(
        base_url=session.system.base_url,
        path="/AsyncTaskWorker/runTask/send",
        attach=session.system.attach,
        body=TASK,
        prefix=prefix,
        tasks=min(units, MANY),
        seconds=0,
        delay_seconds=0,
        check=DONE,
    )
    answer = await session.generator.do(job)
    if answer.units < job.tasks:
        raise RuntimeError(answer.first_wrong)


async def _with_events(
    session: Session, measured: Measured, execution_id: Callable[[str], str], prefix: str
) -> Measured:
    if session.system.histories:
        ids = [execution_id(f"{prefix}-{number}") for number in range(min(EVENTS_FROM, measured.units))]
        measured.events_per_unit = await session.system.histories.of(ids) / len(ids)
    return measured


ROWS = (
    Row("saga-success", "Saga, booked, 50 at a time", "trip", saga_success, by_sdk=True),
    Row("saga-failure", "Saga, 3 compensations, 50 at a time", "trip", saga_failure, by_sdk=True),
    Row("saga-one", "Saga, 3 compensations, one at a time", "trip", saga_one, by_latency=True),
    Row("queue-submit", "Queue, submitted until all is done", "task", queue_submit, by_sdk=True),
    Row("queue-call", "Queue, called, 50 at a time", "task", queue_call, by_sdk=True),
    Row("queue-delayed", "Queue, delayed: lateness", "task", queue_delayed, by_latency=True),
    Row("payment-reminder", "Payment tracker, event to reminder", "event", payment_reminder),
    Row("state-read", "State over HTTP, 20 at a time", "read", state_read, by_sdk=True),
    Row("kafka-50-keys", "Kafka to state, 50 keys", "record", kafka_rows.locations(50)),
    Row("kafka-1000-keys", "Kafka to state, 1,000 keys", "record", kafka_rows.locations(1_000)),
    Row("kafka-one-key", "Kafka to state, one key", "record", kafka_rows.locations(1)),
    Row("user-feed", "User feed, Kafka to published", "post", kafka_rows.posts),
    Row("fan-out-100", "Fan-out of 100", "subtask", fan_out(100)),
    Row("fan-out-1000", "Fan-out of 1,000", "subtask", fan_out(1_000)),
    Row("fan-out-10000", "Fan-out of 10,000", "subtask", fan_out(LARGEST_FAN_OUT)),
)
