"""The same request many times: at once, after its end, after a crash of the gateway, after Temporal has dropped it."""

import asyncio
import json
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteActivityExecutionRequest, DeleteWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from devstack.stack import Stack
from domain.inbox import RECEIPTS_KEPT
from infra.database import Database
from infra.tables import CarReservations, FlightReservations, Payments
from tests.eventually import eventually
from tests.infra.rows import rows

TRIP = {
    "flights": {"flightId": "12345", "passengerName": "John Doe"},
    "car": {"pickupLocation": "Airport", "rentalDate": "2024-12-16"},
    "paymentInfo": {"cardNumber": "4242424242424242", "amount": 1500},
}
DECLINED = TRIP | {"paymentInfo": {"cardNumber": "4111111111111111", "amount": 1500}}
EVENT = {"type": "invoice", "created": 1633025000, "data": {"id": "evt_1", "customer": "cus_1"}}
LOCATION = {"timestamp": "2024-10-10 13:00", "location": "Paris"}
POST = {"content": "Hi!", "metadata": "public"}
KINDS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("/AsyncTaskWorker/runTask", {"kind": "heavy_work", "payload": {"a": 1}}, {"kind": "heavy_work", "payload": 2}),
    ("/FanOutWorker/run", {"description": "a,b", "onFailure": "stop"}, {"description": "a,c"}),
    ("/BookingWorkflow/{key}/run", TRIP, DECLINED),
    ("/UserFeed/{key}/processPost", POST, POST | {"content": "Ho!"}),
    ("/PaymentTracker/{key}/onPaymentFailure", EVENT, EVENT | {"created": 1}),
    ("/PackageTracker/{key}/updateLocation", LOCATION, LOCATION | {"location": "Lyon"}),
]
kinds = pytest.mark.parametrize(("path", "body", "other"), KINDS, ids=[path.split("/")[1] for path, *_ in KINDS])
AT_ONCE = 50
OTHERS: dict[str, dict[str, Any]] = {
    "other passenger": {"flights": {"flightId": "12345", "passengerName": "Jane Doe"}},
    "other car": {"car": {"pickupLocation": "Harbour", "rentalDate": "2024-12-16"}},
    "other amount": {"paymentInfo": {"cardNumber": "4242424242424242", "amount": 1}},
    "other card": {"paymentInfo": {"cardNumber": "4111111111111111", "amount": 1500}},
}
"""What may differ in a trip."""


def key() -> str:
    return uuid.uuid4().hex


@pytest.fixture
async def client(stack: Stack) -> Client:
    return await Client.connect(stack.temporal_address)


@pytest.fixture
async def database(stack: Stack) -> AsyncIterator[Database]:
    opened = Database(stack.database_url)
    yield opened
    await opened.close()


class TestAtOnce:
    @kinds
    @pytest.mark.parametrize("delay", [None, "500ms"])
    async def test_one_of_fifty_is_accepted(
        self, http: httpx2.AsyncClient, path: str, body: dict[str, Any], other: dict[str, Any], delay: str | None
    ) -> None:
        path, headers = f"{path.format(key=key())}/send", {"Idempotency-Key": key()}
        params = {"delay": delay} if delay else {}
        answers = await asyncio.gather(
            *(http.post(path, params=params, json=body, headers=headers) for _ in range(AT_ONCE))
        )
        assert {answer.status_code for answer in answers} == {202}
        assert Counter(answer.json()["status"] for answer in answers) == {"Accepted": 1, "PreviouslyAccepted": 49}
        [invocation_id] = {answer.json()["invocationId"] for answer in answers}
        assert (await http.get(f"/invocations/{invocation_id}/attach")).status_code == 200

    @kinds
    async def test_fifty_that_wait_get_one_outcome(
        self, http: httpx2.AsyncClient, path: str, body: dict[str, Any], other: dict[str, Any]
    ) -> None:
        path, headers = path.format(key=key()), {"Idempotency-Key": key()}
        answers = await asyncio.gather(*(http.post(path, json=body, headers=headers) for _ in range(AT_ONCE)))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.text for answer in answers}) == 1

    @kinds
    async def test_of_two_bodies_one_is_accepted_and_the_other_refused(
        self, http: httpx2.AsyncClient, path: str, body: dict[str, Any], other: dict[str, Any]
    ) -> None:
        path, headers = f"{path.format(key=key())}/send", {"Idempotency-Key": key()}
        answers = await asyncio.gather(
            *(http.post(path, json=each, headers=headers) for _ in range(10) for each in (body, other))
        )
        accepted = {n % 2 for n, answer in enumerate(answers) if answer.status_code == 202}
        refused = {n % 2 for n, answer in enumerate(answers) if answer.status_code == 409}
        assert (len(accepted), len(refused), accepted & refused) == (1, 1, set())
        assert sum(answer.json().get("status") == "Accepted" for answer in answers) == 1


class TestAfterTheEnd:
    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/AsyncTaskWorker/runTask", {"kind": "heavy_work", "payload": {"fail": "no disk"}, "maxAttempts": 1}),
            ("/FanOutWorker/run", {"description": "fail,b", "onFailure": "stop"}),
            ("/BookingWorkflow/{key}/run", DECLINED),
        ],
    )
    async def test_a_failure_is_returned_again(self, http: httpx2.AsyncClient, path: str, body: dict[str, Any]) -> None:
        path, headers = path.format(key=key()), {"Idempotency-Key": key()}
        first = await http.post(path, json=body, headers=headers)
        again = await http.post(path, json=body, headers=headers)
        assert (first.status_code, again.json()) == (409, first.json())
        sent = await http.post(f"{path}/send", json=body, headers=headers)
        assert sent.json()["status"] == "PreviouslyAccepted"

    @kinds
    async def test_a_refused_body_does_not_use_up_the_key(
        self, http: httpx2.AsyncClient, path: str, body: dict[str, Any], other: dict[str, Any]
    ) -> None:
        path, headers = path.format(key=key()), {"Idempotency-Key": key()}
        assert (await http.post(path, json=body | {"unknown": 1}, headers=headers)).status_code == 422
        assert (await http.post(path, json=body, headers=headers)).status_code == 200

    @kinds
    async def test_the_order_of_fields_does_not_matter(
        self, http: httpx2.AsyncClient, path: str, body: dict[str, Any], other: dict[str, Any]
    ) -> None:
        path, headers = path.format(key=key()), {"Idempotency-Key": key()}
        first = await http.post(path, json=body, headers=headers)
        again = await http.post(path, json=turned_round(body), headers=headers)
        assert json.dumps(turned_round(body)) != json.dumps(body)
        assert (again.status_code, again.json()) == (200, first.json())

    async def test_a_key_counts_only_within_its_handler_and_its_entity(self, http: httpx2.AsyncClient) -> None:
        headers = {"Idempotency-Key": key()}
        one, other = f"/PackageTracker/{key()}", f"/PackageTracker/{key()}"
        calls = [
            (f"{one}/updateLocation/send", LOCATION),
            (f"{one}/registerPackage/send", {"finalDestination": "Amsterdam"}),
            (f"{other}/updateLocation/send", LOCATION),
            ("/FanOutWorker/run/send", {"description": "a"}),
            ("/AsyncTaskWorker/runTask/send", {"kind": "heavy_work"}),
        ]
        answers = [await http.post(path, json=body, headers=headers) for path, body in calls]
        assert [answer.json()["status"] for answer in answers] == ["Accepted"] * 5

    async def test_an_entity_remembers_its_last_500_finished_messages(self, http: httpx2.AsyncClient) -> None:
        path = f"/PackageTracker/{key()}/updateLocation"
        first, second = {"Idempotency-Key": key()}, {"Idempotency-Key": key()}
        assert (await http.post(path, json=LOCATION, headers=first)).json()["locations"] == 1
        assert (await http.post(path, json=LOCATION, headers=second)).json()["locations"] == 2
        limit = asyncio.Semaphore(20)

        async def more() -> None:
            async with limit:
                assert (await http.post(f"{path}/send", json=LOCATION)).status_code == 202

        await asyncio.gather(*(more() for _ in range(RECEIPTS_KEPT - 1)))
        assert (await http.post(path, json=LOCATION, headers=second)).json()["locations"] == 2
        forgotten = await http.post(path, json=LOCATION, headers=first)
        assert forgotten.json()["locations"] == RECEIPTS_KEPT + 2


class TestAfterACrash:
    async def test_what_was_accepted_before_the_gateway_was_killed_runs_once(
        self, stack: Stack, http: httpx2.AsyncClient, client: Client, database: Database
    ) -> None:
        """Kill it during requests of every kind: each request, when repeated, has one outcome and one effect."""
        run = key()
        calls = [
            (f"{path.format(key=f'{run}-{n}')}", body, {"Idempotency-Key": f"{run}-{n}"})
            for n in range(10)
            for path, body, _ in KINDS
        ]
        first = [asyncio.create_task(http.post(path, json=body, headers=headers)) for path, body, headers in calls]

        async def begun() -> bool:
            try:
                await client.get_workflow_handle(f"booking:{run}-0").describe()
            except RPCError as error:
                return error.status is not RPCStatusCode.NOT_FOUND
            return True

        await eventually(begun)
        await stack.processes.kill("gateway")
        cut_off = [answer for answer in await asyncio.gather(*first, return_exceptions=True) if is_lost(answer)]
        await stack.processes.start("gateway")
        assert cut_off, "the gateway was killed too late to prove anything"
        answers = [await http.post(path, json=body, headers=headers) for path, body, headers in calls]
        assert {answer.status_code for answer in answers} == {200}
        for n in range(10):
            package = f"/PackageTracker/{run}-{n}"
            assert (await http.post(f"{package}/updateLocation", json=LOCATION)).json()["locations"] == 2
            assert len((await http.get(f"/UserFeed/{run}-{n}")).json()["posts"]) == 1
        assert await held(database, run) == Counter({"CHARGED": 10, "CONFIRMED": 20})


@dataclass(frozen=True)
class Dropped:
    """The answers from before Temporal dropped the executions, by request."""

    requests: dict[str, tuple[str, dict[str, Any]]]
    answers: dict[str, httpx2.Response]
    headers: dict[str, str]

    async def again(self, http: httpx2.AsyncClient, name: str) -> httpx2.Response:
        path, body = self.requests[name]
        return await http.post(path, json=body, headers=self.headers)


@pytest.fixture(scope="module")
async def dropped(stack: Stack, http: httpx2.AsyncClient) -> Dropped:
    """One execution of each kind, deleted: all at once, because Temporal takes half a minute for it."""
    requests: dict[str, tuple[str, dict[str, Any]]] = {
        "task": ("/AsyncTaskWorker/runTask", {"kind": "heavy_work", "payload": 1}),
        "job": ("/FanOutWorker/run", {"description": "a,b"}),
        "booked": (f"/BookingWorkflow/{key()}/run", TRIP),
        **{name: (f"/BookingWorkflow/{key()}/run", TRIP) for name in OTHERS},
        "undone": (f"/BookingWorkflow/{key()}/run", DECLINED),
        "failed": (f"/PaymentTracker/{key()}/onPaymentFailure", EVENT),
    }
    headers = {"Idempotency-Key": key()}
    answers = {name: await http.post(path, json=body, headers=headers) for name, (path, body) in requests.items()}
    paid = requests["failed"][0].replace("onPaymentFailure", "onPaymentSuccess")
    assert (await http.post(paid, json=EVENT)).json()["paid"] is True
    client = await Client.connect(stack.temporal_address)
    ids = [str(answer.headers.get("invocation-id") or answer.json()["invocationId"]) for answer in answers.values()]
    await asyncio.gather(*(drop(client, invocation_id.partition("~")[0]) for invocation_id in ids))
    return Dropped(requests, answers, headers)


class TestAfterRetention:
    """Temporal has dropped the execution, as it does when the retention is over."""

    @pytest.mark.parametrize("name", ["task", "job"])
    async def test_a_key_runs_again_under_the_same_id(
        self, http: httpx2.AsyncClient, dropped: Dropped, name: str
    ) -> None:
        first = dropped.answers[name].headers["invocation-id"]
        assert (await http.get(f"/invocations/{first}")).status_code == 404
        again = await dropped.again(http, name)
        assert (again.status_code, again.headers["invocation-id"]) == (200, first)

    async def test_a_booked_trip_finds_its_reservations_and_is_not_charged_again(
        self, http: httpx2.AsyncClient, dropped: Dropped, database: Database
    ) -> None:
        again = await dropped.again(http, "booked")
        assert (again.status_code, again.json()) == (200, dropped.answers["booked"].json())
        assert await held(database, again.json()["tripId"]) == Counter({"CHARGED": 1, "CONFIRMED": 2})

    @pytest.mark.parametrize("name", OTHERS)
    async def test_a_booked_trip_is_kept_when_its_id_is_used_with_another_body(
        self, http: httpx2.AsyncClient, dropped: Dropped, database: Database, name: str
    ) -> None:
        path, body = dropped.requests[name]
        again = await http.post(path, json=body | OTHERS[name])
        assert (again.status_code, again.json()["cause"], again.json()["compensations"]) == (409, "KeyReused", [])
        assert await held(database, path.split("/")[2]) == Counter({"CHARGED": 1, "CONFIRMED": 2})

    async def test_a_trip_that_was_undone_stays_undone(
        self, http: httpx2.AsyncClient, dropped: Dropped, database: Database
    ) -> None:
        again = await dropped.again(http, "undone")
        assert (again.status_code, again.json()["cause"]) == (409, "ReservationCancelled")
        trip = again.json()["invocationId"].removeprefix("booking:")
        assert await held(database, trip) == Counter({"CANCELLED": 3})

    async def test_a_paid_invoice_sends_no_reminder(self, http: httpx2.AsyncClient, dropped: Dropped) -> None:
        again = await dropped.again(http, "failed")
        assert (again.json()["paid"], again.json()["remindersSent"]) == (True, 0)


async def drop(client: Client, execution_id: str) -> None:
    """Have Temporal delete an execution, and wait until it has."""
    if execution_id.startswith("message-queue:"):
        await client.workflow_service.delete_activity_execution(
            DeleteActivityExecutionRequest(namespace=client.namespace, activity_id=execution_id)
        )
    else:
        await client.workflow_service.delete_workflow_execution(
            DeleteWorkflowExecutionRequest(
                namespace=client.namespace, workflow_execution=WorkflowExecution(workflow_id=execution_id)
            )
        )

    async def gone() -> bool:
        try:
            if execution_id.startswith("message-queue:"):
                await client.get_activity_handle(execution_id).describe()
            else:
                await client.get_workflow_handle(execution_id).describe()
        except RPCError as error:
            return error.status is RPCStatusCode.NOT_FOUND
        return False

    await eventually(gone)


async def held(database: Database, trips: str) -> Counter[str]:
    """The statuses of all reservations and payments of the trips whose IDs begin like this."""
    found: Counter[str] = Counter()
    for table in (FlightReservations, CarReservations, Payments):
        found.update(row.status for row in await rows(database, table) if row.key.startswith(f"booking:{trips}"))
    return found


def is_lost(answer: httpx2.Response | BaseException) -> bool:
    return isinstance(answer, httpx2.TransportError)


def turned_round(body: dict[str, Any]) -> dict[str, Any]:
    return {name: turned_round(v) if isinstance(v, dict) else v for name, v in reversed(list(body.items()))}
