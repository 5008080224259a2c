"""The commands that a newcomer types, on the whole stack."""

import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from aiokafka import AIOKafkaProducer

from devstack.stack import Stack
from tests.brokers.fixtures import make_topic
from tests.eventually import eventually

TRIP = """{
  "flights": {
    "flightId": "12345",
    "passengerName": "John Doe"
  },
  "car": {
    "pickupLocation": "Airport",
    "rentalDate": "2024-12-16"
  },
  "paymentInfo": {
    "cardNumber": "4111111111111111",
    "amount": 1500
  }
}"""
EVENT = """{
      "type": "customer.subscription_created",
      "created": 1633025000,
      "data": {
      "id": "evt_1JH2Y4F2eZvKYlo2C8b9",
      "customer": "cus_J5K2Y4F2eZvKYlo2"
      }
  }"""
JSON = {"content-type": "application/json"}


@pytest.fixture
async def producer(stack: Stack) -> AsyncIterator[AIOKafkaProducer]:
    async with AIOKafkaProducer(bootstrap_servers=stack.bootstrap) as connected:
        yield connected


def unique(name: str) -> str:
    return f"{name}-{uuid.uuid4().hex[:8]}"


async def test_a_delayed_task_is_executed_once(http: httpx2.AsyncClient) -> None:
    path, headers = "/AsyncTaskWorker/runTask/send?delay=1s", {"Idempotency-Key": unique("task")}
    task = {"kind": "heavy_work", "payload": {"taskId": 7}}
    sent = (await http.post(path, json=task, headers=headers)).json()
    again = (await http.post(path, json=task, headers=headers)).json()
    assert (sent["status"], again["status"]) == ("Accepted", "PreviouslyAccepted")
    assert (await http.get(f"/invocations/{sent['invocationId']}/output")).status_code == 202
    outcome = await http.get(f"/invocations/{sent['invocationId']}/attach")
    assert outcome.json() == {"result": "DONE", "payload": {"taskId": 7}}


async def test_a_declined_card_undoes_the_trip_in_reverse_order(http: httpx2.AsyncClient) -> None:
    response = await http.post(f"/BookingWorkflow/{unique('trip12')}/run", content=TRIP, headers=JSON)
    document = response.json()
    assert response.status_code == 409
    assert document["type"] == "urn:problem:trip-failed"
    assert document["detail"] == "Failed to reserve the trip: 👻 Payment could not be accepted!. Ran 3 compensations."
    assert [each["name"] for each in document["compensations"]] == ["refund payment", "cancel car", "cancel flight"]


async def test_an_accepted_card_books_the_trip(http: httpx2.AsyncClient) -> None:
    trip = unique("trip12")
    body = TRIP.replace("4111111111111111", "4242424242424242")
    response = await http.post(f"/BookingWorkflow/{trip}/run", content=body, headers=JSON)
    assert response.status_code == 200
    assert response.json()["tripId"] == trip
    assert (await http.get(f"/BookingWorkflow/{trip}")).json()["status"] == "BOOKED"


async def test_reminders_end_in_an_escalation_and_a_payment_closes_the_invoice(http: httpx2.AsyncClient) -> None:
    invoice = f"/PaymentTracker/{unique('invoice123')}"
    failed = await http.post(f"{invoice}/onPaymentFailure", content=EVENT, headers=JSON)
    assert failed.json()["remindersSent"] == 1

    async def state() -> dict[str, Any]:
        answer: dict[str, Any] = (await http.get(invoice)).json()
        return answer

    async def escalated() -> bool:
        return bool((await state())["status"] == "ESCALATED")

    await eventually(escalated)
    assert (await state())["remindersSent"] == 3
    await http.post(f"{invoice}/onPaymentSuccess", content=EVENT, headers=JSON)
    assert (await state())["paid"] is True


async def test_subtasks_run_concurrently_and_their_results_are_in_order(http: httpx2.AsyncClient) -> None:
    body = '{"description": "get out of bed,shower,make coffee,have breakfast"}'
    response = await http.post("/FanOutWorker/run", content=body, headers=JSON)
    assert response.json() == {
        "description": "get out of bed: DONE, shower: DONE, make coffee: DONE, have breakfast: DONE"
    }


async def test_ten_thousand_subtasks_in_one_job_show_their_progress(http: httpx2.AsyncClient) -> None:
    job = {"description": ",".join(f"task {number}" for number in range(10_000))}
    sent = (await http.post("/FanOutWorker/run/send", json=job)).json()
    path = f"/invocations/{sent['invocationId']}"

    async def progress() -> Any:
        return (await http.get(path)).json()["progress"]  # none while no worker answers within two seconds

    assert (await eventually(progress))["total"] == 10_000
    outcome = (await http.get(f"{path}/attach")).json()
    assert outcome["description"].split(", ") == [f"task {number}: DONE" for number in range(10_000)]
    shown = await eventually(progress)
    assert (shown["total"], shown["done"], shown["failed"], shown["running"]) == (10_000, 10_000, 0, 0)
    assert {(each["subtasks"], each["status"]) for each in shown["batches"]} == {(100, "DONE")}


async def test_posts_from_kafka_reach_each_users_feed(http: httpx2.AsyncClient, producer: AIOKafkaProducer) -> None:
    subscription = """{
        "source": "kafka://my-cluster/social-media-posts",
        "sink": "service://UserFeed/processPost",
        "options": {"auto.offset.reset": "earliest"}
    }"""
    created = await http.post("/subscriptions", content=subscription, headers=JSON)
    assert created.status_code == 201, created.text
    first, second = unique("userid1"), unique("userid2")
    for user, number in ((first, "first"), (second, "first"), (first, "second")):
        content = f"Hi! This is my {number} post!"
        post = json.dumps({"content": content, "metadata": "public"}).encode()
        await producer.send_and_wait("social-media-posts", post, key=user.encode())

    async def published() -> bool:
        states = [(await http.get(f"/UserFeed/{user}")).json() for user in (first, second)]
        return [state.get("published") for state in states] == [2, 1]

    await eventually(published)


@pytest.mark.parametrize("registered_first", [True, False])
async def test_a_package_joins_its_registration_and_its_locations_in_either_order(
    http: httpx2.AsyncClient, producer: AIOKafkaProducer, registered_first: bool
) -> None:
    subscription = """{
        "source": "kafka://my-cluster/package-location-updates",
        "sink": "service://PackageTracker/updateLocation",
        "options": {"auto.offset.reset": "earliest"}
    }"""
    assert (await http.post("/subscriptions", content=subscription, headers=JSON)).status_code == 201
    package = unique("package1")
    path = f"/PackageTracker/{package}"

    async def register() -> None:
        body = '{"finalDestination": "Bridge 6, Amsterdam"}'
        assert (await http.post(f"{path}/registerPackage", content=body, headers=JSON)).status_code == 200

    async def known() -> bool:
        answer = await http.get(f"/invocations/package-tracker:{package}~nothing")
        state = await http.get(f"{path}/getPackageInfo")
        return answer.status_code == 404 and (state.status_code == 200 or "wait" in state.json()["detail"])

    if registered_first:
        await register()
    locations = [
        {"timestamp": "2024-10-10 13:00", "location": "Pinetree Road 5, Paris"},
        {"timestamp": "2024-10-10 14:00", "location": "Mountain Road 155, Brussels"},
    ]
    for location in locations:
        await producer.send_and_wait("package-location-updates", json.dumps(location).encode(), key=package.encode())
    await eventually(known)
    if not registered_first:
        await register()
    expected = {"finalDestination": "Bridge 6, Amsterdam", "locations": locations}

    async def joined() -> bool:
        return bool((await http.get(f"{path}/getPackageInfo")).json() == expected)

    await eventually(joined)
    assert (await http.post(f"{path}/getPackageInfo")).json() == expected
    assert (await http.get(path)).json() == {"package-info": expected}


async def test_a_subscription_can_be_paused_resumed_and_deleted(
    stack: Stack, http: httpx2.AsyncClient, producer: AIOKafkaProducer
) -> None:
    topic = unique("more-posts")
    await make_topic(stack.bootstrap, topic)
    body = {"source": f"kafka://my-cluster/{topic}", "sink": "service://UserFeed/processPost"}
    created = await http.post("/subscriptions", json=body)
    assert created.status_code == 201, created.text
    path = f"/subscriptions/{created.json()['id']}"

    async def listed() -> bool:
        return created.json()["id"] in [each["id"] for each in (await http.get("/subscriptions")).json()]

    await eventually(listed)
    assert (await http.patch(path, json={"status": "PAUSED"})).json()["status"] == "PAUSED"
    user = unique("user")
    await producer.send_and_wait(topic, b'{"content": "while paused", "metadata": ""}', key=user.encode())
    assert (await http.patch(path, json={"status": "RUNNING"})).json()["status"] == "RUNNING"

    async def published() -> bool:
        return bool((await http.get(f"/UserFeed/{user}")).json().get("published") == 1)

    await eventually(published)
    assert (await http.delete(path)).status_code == 202
    assert (await http.get("/subscriptions/unknown")).status_code == 404
