"""A stack whose metrics are served, and what goes well and wrong on it."""

import asyncio
import json
import sqlite3
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from temporalio.client import Client

from devstack.ports import HOST, claim_ports
from devstack.stack import Stack
from domain.booking import BOOKING
from tests.brokers.fixtures import make_topic
from tests.conftest import STACK_SETTINGS
from tests.eventually import eventually
from tests.monitoring.promql import Series, exposed

BOOKED, DECLINED = "4242424242424242", "4111111111111111"
MARK = "zanzibar"
"""In every key, user, customer and place: no label may have it."""
SINK = "service://PackageTracker/updateLocation"
LOCATION = json.dumps({"timestamp": "2024-10-10 13:00", "location": MARK}).encode()


def unique() -> str:
    return f"{MARK}-{uuid.uuid4().hex[:8]}"


def trip_body(card: str, station: str) -> dict[str, object]:
    return {
        "flights": {"flightId": "12345", "passengerName": MARK},
        "car": {"pickupLocation": station, "rentalDate": "2024-12-16"},
        "paymentInfo": {"cardNumber": card, "amount": 1500},
    }


@asynccontextmanager
async def watched_stack(folder: Path, settings: Mapping[str, str] = {}) -> AsyncIterator["Watched"]:
    """A stack whose workers serve metrics. Unless `settings` say otherwise, its mail server refuses connections, and
    one call may wait."""
    metrics, nothing = claim_ports(2)
    by_default = {**STACK_SETTINGS, "SMTP_URL": f"smtp://{HOST}:{nothing}", "MAX_WAIT": "PT1M", "MAX_WAITING": "1"}
    given = {**by_default, "WORKERS_METRICS_ADDRESS": f"{HOST}:{metrics}", **settings}
    with (folder / "log.txt").open("w") as log:
        stack = Stack.on_free_ports(
            folder / "data", given, lambda name, line: print(f"{name:8} {line}", file=log, flush=True)
        )
        async with stack, httpx2.AsyncClient(base_url=stack.gateway_url, timeout=60) as http:
            yield Watched(stack, http, f"{HOST}:{metrics}")


class Watched:
    def __init__(self, stack: Stack, http: httpx2.AsyncClient, workers: str) -> None:
        self.stack = stack
        self.http = http
        self.targets = {"gateway": stack.gateway_url.removeprefix("http://"), "workers": workers}

    async def series(self) -> list[Series]:
        """What both processes expose, and Prometheus' own `up`."""
        found = []
        for job, address in self.targets.items():
            found.append(Series("up", (("instance", address), ("job", job))))
            text = (await self.http.get(f"http://{address}/metrics")).raise_for_status().text
            found += exposed(text, job=job, instance=address)
        return found

    async def trip(self, card: str, station: str = "Airport") -> str:
        """Hand a trip to Temporal. From the station `NO-RETURN` its car cannot be cancelled."""
        trip = unique()
        (await self.http.post(f"/BookingWorkflow/{trip}/run/send", json=trip_body(card, station))).raise_for_status()
        return trip

    async def resolve(self, trip: str) -> None:
        body = {"compensation": "cancel car", "note": "by phone"}
        (await self.http.post(f"/BookingWorkflow/{trip}/resolveCompensation", json=body)).raise_for_status()

    async def task(self, **task: Any) -> None:
        (await self.http.post("/AsyncTaskWorker/runTask/send", json=task)).raise_for_status()

    async def failing_task(self) -> None:
        """No host is allowed."""
        await self.task(kind="http_request", payload={"method": "GET", "url": "https://nowhere.example/"})

    async def failed_payment(self) -> str:
        """Its reminder cannot be sent."""
        invoice = unique()
        await self._event(invoice, "onPaymentFailure")
        return invoice

    async def payment(self, invoice: str) -> None:
        await self._event(invoice, "onPaymentSuccess")

    async def _event(self, invoice: str, handler: str) -> None:
        event = {"type": "x", "created": 1, "data": {"id": unique(), "customer": MARK}}
        (await self.http.post(f"/PaymentTracker/{invoice}/{handler}/send", json=event)).raise_for_status()

    async def _reminder_that_comes_too_late(self) -> None:
        """The invoice is paid while its reminder is being sent."""
        invoice = await self.failed_payment()

        async def has_failed() -> bool:
            attempts = [each for each in await self.series() if each.name == "temporal_activity_execution_failed"]
            return "send_reminder" in {each.by_label["activity_type"] for each in attempts}

        await eventually(has_failed)
        await self.payment(invoice)

    async def subscription(self, topic: str, sink: str = SINK) -> str:
        """Make the topic and a subscription to it, and wait until it is read."""
        await make_topic(self.stack.bootstrap, topic)
        body = {"source": f"kafka://my-cluster/{topic}", "sink": sink}
        path = f"/subscriptions/{(await self.http.post('/subscriptions', json=body)).raise_for_status().json()['id']}"

        async def is_read() -> bool:
            return bool((await self.http.get(path)).json()["consumers"])

        await eventually(is_read)
        return path

    async def record(self, topic: str, value: bytes = LOCATION, key: str | None = None) -> None:
        """Write a record, by default for a new key."""
        async with AIOKafkaProducer(bootstrap_servers=self.stack.bootstrap) as producer:
            await producer.send_and_wait(topic, value, key=(key or unique()).encode())

    async def poison(self, topic: str) -> None:
        await self.record(topic, b"{not json")

    async def delete(self, topic: str) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.stack.bootstrap)
        await admin.start()
        await admin.delete_topics([topic])
        await admin.close()

    async def workflow_that_cannot_be_read(self) -> None:
        """Its input is no trip, so its first task fails, again and again."""
        client = await Client.connect(self.stack.temporal_address)
        await client.start_workflow(
            BOOKING.service, 5, id=BOOKING.execution_id(unique()), task_queue=BOOKING.task_queue
        )

    @contextmanager
    def locked_database(self) -> Iterator[None]:
        """Every transaction waits."""
        with closing(sqlite3.connect(self.stack.data.database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield

    @contextmanager
    def paused(self, process: str) -> Iterator[None]:
        self.stack.processes.pause(process)
        try:
            yield
        finally:
            self.stack.processes.resume(process)

    async def everything(self) -> None:
        """Run each pattern, well and badly, so that every metric has a value."""
        await self.trip(BOOKED)
        await self.trip(DECLINED)
        await self.trip(DECLINED, "NO-RETURN")
        await self.task(kind="heavy_work", payload={"taskId": 1})
        await self.failing_task()
        await self._reminder_that_comes_too_late()
        await self.task(kind="heavy_work", payload={"fail": "as asked"}, maxAttempts=1)
        job = {"description": f"{MARK},fail"}
        answers = await asyncio.gather(*(self.http.post("/FanOutWorker/run", json=job) for _ in range(5)))
        assert {answer.status_code for answer in answers} == {200, 503}, "one may wait"
        post = {"content": MARK, "metadata": "public"}
        (await self.http.post(f"/UserFeed/{unique()}/processPost", json=post)).raise_for_status()
        registration = {"finalDestination": MARK}
        (await self.http.post(f"/PackageTracker/{unique()}/registerPackage", json=registration)).raise_for_status()
        await self.http.get("/BookingWorkflow/unknown")  # a call to Temporal that fails
        await self.workflow_that_cannot_be_read()
        path = await self.subscription("locations")
        await asyncio.gather(self.record("locations"), self.poison("locations"))

        async def are_finished() -> bool:
            [consumer] = (await self.http.get(path)).json()["consumers"]
            return bool((consumer["delivered"], consumer["deadLettered"]) == (1, 1))

        await eventually(are_finished)
        await self.delete("locations")  # its consumer is started again, and finds another topic
        await make_topic(self.stack.bootstrap, "locations")
