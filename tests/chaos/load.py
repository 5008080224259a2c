"""Sends units to a stack through its public interface: the gateway, and Kafka topics."""

import asyncio
import heapq
import itertools
import json
import time
from collections.abc import Sequence
from functools import singledispatchmethod
from http import HTTPStatus

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.chaos.client import PatientClient
from tests.chaos.model import Answer, Booking, Event, Fate, Invoice, Job, Package, Task, Unit, User

POSTS, LOCATIONS = "chaos-posts", "chaos-locations"
SINKS = {POSTS: "UserFeed/processPost", LOCATIONS: "PackageTracker/updateLocation"}
PARTITIONS = 4
CARDS = {Fate.DECLINED: "4111111111111111"}
GOOD_CARD = "4242424242424242"
FLIGHTS = {Fate.SOLD_OUT: "SOLD-OUT"}
MAX_ATTEMPTS = {True: 2, False: 10}
"""Attempts of a task, by whether it fails."""


async def open_topics(bootstrap: str, client: PatientClient) -> list[str]:
    """Make the topics, subscribe to them, and return the subscriptions' IDs."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, PARTITIONS, 1) for topic in SINKS])
    await admin.close()
    ids = []
    for topic, sink in SINKS.items():
        body = {
            "source": f"kafka://my-cluster/{topic}",
            "sink": f"service://{sink}",
            "options": {"auto.offset.reset": "earliest", "consumers": 2},
        }
        ids.append(str((await client.send("POST", "/subscriptions", json=body)).body["id"]))
    return ids


class Load:
    """Sends each unit when it is due. `answers` has the gateway's final answer to each request.

    `idempotent` says whether its Kafka producer is.
    """

    def __init__(self, client: PatientClient, bootstrap: str, *, idempotent: bool) -> None:
        self._client = client
        self._idempotent = idempotent
        self._bootstrap = bootstrap
        self._began = time.monotonic()
        self.answers: dict[str, Answer] = {}

    async def play(self, units: Sequence[Unit]) -> None:
        """Return when every request has its answer and every record is in Kafka."""
        self._began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._produce(units))
            group.create_task(self.call(units))

    async def call(self, units: Sequence[Unit]) -> None:
        """Send the units' requests only, with the keys that they always have, and return when each has its answer."""
        async with asyncio.TaskGroup() as group:
            for unit in units:
                group.create_task(self._play(unit))

    async def _wait_until(self, at_seconds: float) -> None:
        await asyncio.sleep(self._began + at_seconds - time.monotonic())

    @singledispatchmethod
    async def _play(self, unit: Unit) -> None:
        """Do what the unit's client does. Here nothing: a user's posts come from Kafka only."""

    @_play.register
    async def _(self, task: Task) -> None:
        await self._wait_until(task.at_seconds)
        delay = f"?delay={task.delay_ms}ms" if task.delay_ms else ""
        body = {"kind": "heavy_work", "payload": task.payload, "maxAttempts": MAX_ATTEMPTS[task.fails]}
        await self._send_and_attach(task.name, f"/AsyncTaskWorker/runTask/send{delay}", body, key=task.name)

    @_play.register
    async def _(self, booking: Booking) -> None:
        await self._wait_until(booking.at_seconds)
        path = f"/BookingWorkflow/{booking.name}/run"
        trip = {
            "flights": {"flightId": FLIGHTS.get(booking.fate, "12345"), "passengerName": "John Doe"},
            "car": {"pickupLocation": "Airport", "rentalDate": "2024-12-16"},
            "paymentInfo": {"cardNumber": CARDS.get(booking.fate, GOOD_CARD), "amount": 1500},
        }
        if booking.waits:
            self.answers[booking.name] = await self._client.send("POST", path, json=trip)
            return
        cancelling = None
        if booking.fate is Fate.CANCELLED:
            cancelling = asyncio.create_task(self._cancel(booking))
        await self._send_and_attach(booking.name, f"{path}/send", trip)
        if cancelling and self.answers[booking.name].status == HTTPStatus.NOT_FOUND:
            cancelling.cancel()  # the accepted trip is lost, as after a restore: there is nothing to wait for
        elif cancelling:
            await cancelling

    async def _cancel(self, booking: Booking) -> None:
        """A 404 is repeated: the trip may not have been accepted yet."""
        await asyncio.sleep(booking.cancel_after_seconds)
        path = f"/invocations/{booking.execution_id}"
        self.answers[f"{booking.name}/cancel"] = await self._client.send("DELETE", path, repeat_on=(404,))

    @_play.register
    async def _(self, invoice: Invoice) -> None:
        async with asyncio.TaskGroup() as group:
            for event in invoice.events:
                group.create_task(self._send_event(invoice, event))

    async def _send_event(self, invoice: Invoice, event: Event) -> None:
        await self._wait_until(event.at_seconds)
        handler = "onPaymentSuccess" if event.paid else "onPaymentFailure"
        path = f"/PaymentTracker/{invoice.name}/{handler}{'' if event.waits else '/send'}"
        body = {"type": "invoice", "created": 1633025000, "data": {"id": event.id, "customer": "cus_1"}}
        self.answers[event.request] = await self._client.send("POST", path, json=body, key=event.request)

    @_play.register
    async def _(self, job: Job) -> None:
        await self._wait_until(job.at_seconds)
        body = {
            "description": ",".join(job.subtasks),
            "onFailure": "stop" if job.stops_at_failure else "continue",
        }
        await self._send_and_attach(job.name, "/FanOutWorker/run/send", body, key=job.name)

    @_play.register
    async def _(self, package: Package) -> None:
        await self._wait_until(package.registered_at_seconds)
        path = f"/PackageTracker/{package.name}/registerPackage/send"
        body = {"finalDestination": "Bridge 6, Amsterdam"}
        self.answers[package.name] = await self._client.send("POST", path, json=body, key=package.name)

    async def _send_and_attach(self, name: str, path: str, body: object, key: str | None = None) -> None:
        accepted = await self._client.send("POST", path, json=body, key=key)
        if accepted.status == 202:
            path = f"/invocations/{accepted.body['invocationId']}/attach"
            accepted = await self._client.send("GET", path)
        self.answers[name] = accepted

    async def _produce(self, units: Sequence[Unit]) -> None:
        """Write every record once, those of a key in order and to one partition."""
        async with AIOKafkaProducer(
            bootstrap_servers=self._bootstrap, acks="all", enable_idempotence=self._idempotent
        ) as producer:
            for moment, records in itertools.groupby(heapq.merge(*map(_records, units)), key=lambda r: int(r[0] * 10)):
                await self._wait_until(moment / 10)
                for _, topic, key, value in records:
                    partition = int(key.rpartition("-")[2]) % PARTITIONS
                    await producer.send(topic, value.encode(), key=key.encode(), partition=partition)
                await producer.flush()


def _records(unit: Unit) -> list[tuple[float, str, str, str]]:
    """Time, topic, key and value of each record, in the order in which they are due."""
    if isinstance(unit, User):
        posts = ((post.at_seconds, {"content": post.content, "metadata": "public"}) for post in unit.posts)
        return [(at, POSTS, unit.name, json.dumps(body)) for at, body in posts]
    if isinstance(unit, Package):
        return [(each.at_seconds, LOCATIONS, unit.name, json.dumps(each.body)) for each in unit.locations]
    return []
