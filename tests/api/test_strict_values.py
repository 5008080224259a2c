"""What the gateway takes for a date, a time, a delay or a number, in bodies and queries.

The whole application runs in this process, with a Temporal that only records what was started.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import httpx2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.app import create_app
from api.gateway import Gateway
from api.http.metrics import process_metrics
from api.security.authentication import Authentication
from clients.entities import EntityClient
from domain.booking import CardToken
from domain.subscription import SubscriptionRequest, SubscriptionState, SubscriptionStatus
from infra.payload_encryption import EncryptionCodec
from infra.payload_keys import KeyRing
from infra.settings import Settings
from tests import written
from tests.api.test_bad_input import JSON
from tests.written import EPOCH, MICROSECONDS_A_DAY, microseconds, nearly

TRIP: dict[str, Any] = {
    "flights": {"flightId": "12345", "passengerName": "John Doe"},
    "car": {"pickupLocation": "Airport", "rentalDate": "2024-12-16"},
    "paymentInfo": {"cardNumber": "4242424242424242", "amount": 1500},
}
TASK = {"kind": "heavy_work"}
LOCATION = {"timestamp": "2024-10-10 13:00", "location": "Paris"}
EVENT = {"type": "invoice.payment_failed", "created": 1, "data": {"id": "evt_1", "customer": "cus_1"}}
REQUEST = {"kind": "http_request", "payload": {"url": "https://example.com/hook"}}
SUBSCRIPTION = {"source": "kafka://my-cluster/social-media-posts", "sink": "service://UserFeed/processPost"}


@dataclass
class RecordingTemporal:
    """Accepts everything, and keeps the arguments."""

    namespace = "default"
    started: list[Any] = field(default_factory=list)
    delays: list[timedelta | None] = field(default_factory=list)

    async def start_workflow(self, _: str, argument: Any, *, start_delay: timedelta | None = None, **more: Any) -> None:
        [batch] = more.get("start_signal_args", [None])
        self.started.append(batch.messages[0].body if batch else argument)
        self.delays.append(start_delay)

    async def start_activity(self, _: str, argument: Any, *, start_delay: timedelta | None, **__: Any) -> None:
        self.started.append(argument)
        self.delays.append(start_delay)

    def get_workflow_handle(self, _: str) -> "RecordingTemporal":
        return self

    async def describe(self, **_: Any) -> SimpleNamespace:
        """A delayed call is answered with its time, as Temporal has it."""
        started = datetime.now(UTC)
        return SimpleNamespace(start_time=started, execution_time=started + (self.delays[-1] or timedelta(0)))

    def get_workflow_handle_for(self, *_: Any) -> "RecordingTemporal":
        return self

    async def query(self, *_: Any, **__: Any) -> SubscriptionState:
        subscription = SubscriptionRequest.model_validate(SUBSCRIPTION).subscription()
        return SubscriptionState(status=SubscriptionStatus.RUNNING, subscription=subscription, stall=None)


class FakeVault:
    async def tokenize(self, number: str) -> CardToken:
        return CardToken(token="t", last4=number[-4:])


@dataclass
class Edge:
    http: httpx2.AsyncClient
    temporal: RecordingTemporal
    refused_fields: list[str] = field(default_factory=list)

    async def sent(self, path: str, body: Any, **query: str) -> Any:
        """What Temporal got, or None if the request was refused."""
        return self.taken(await self.http.post(f"{path}/send", json=body, params=query))

    async def sent_text(self, path: str, body: str) -> Any:
        return self.taken(await self.http.post(f"{path}/send", content=body, headers=JSON))

    def taken(self, answer: httpx2.Response) -> Any:
        if answer.status_code == 202:
            return self.temporal.started.pop()
        assert answer.status_code in (400, 422), answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert not self.temporal.started
        self.refused_fields = [error["field"] for error in answer.json().get("errors", [])]
        return None


@pytest.fixture(scope="module")
def at() -> Edge:
    """The edge of a gateway."""
    temporal, config, nothing = RecordingTemporal(), Settings(), cast(Any, SimpleNamespace())
    client = cast(Any, temporal)
    vault = cast(Any, FakeVault())
    gateway = Gateway(
        config,
        client,
        nothing,
        vault,
        EntityClient(client, config.plans),
        process_metrics(),
        EncryptionCodec(KeyRing()),
        Authentication(),
    )
    transport = httpx2.ASGITransport(create_app(gateway))
    return Edge(httpx2.AsyncClient(transport=transport, base_url="http://localhost"), temporal)


def trip_on(day: Any) -> dict[str, Any]:
    return {**TRIP, "car": {**TRIP["car"], "rentalDate": day}}


class TestInBodies:
    @settings(max_examples=10)
    @given(st.lists(written.DATES | nearly(written.DATES), max_size=20))
    @example(["0", "1712011312", "20241216", "2024-12-16T00:00:00", "2023-02-29", "2024-12-16 ", "٢٠٢٤-12-16"])
    async def test_a_date_is_a_day_of_the_calendar(self, at: Edge, texts: list[str]) -> None:
        for text in texts:
            trip = await at.sent("/BookingWorkflow/trip/run", trip_on(text))
            days = written.date_in_days(text)
            if days is None:
                assert (trip, at.refused_fields) == (None, ["car.rentalDate"])
            else:
                assert (trip.car.rental_date - EPOCH.date()).days == days

    @settings(max_examples=10)
    @given(st.lists(written.TIMES | nearly(written.TIMES), max_size=20))
    @example(["1712011312345", "1712011312", "2024-10-10x13:00", "2024-10-10_13:00", "2024-10-10", " 2024-10-10 13:00"])
    async def test_a_time_is_of_rfc_3339_or_has_a_space(self, at: Edge, texts: list[str]) -> None:
        for text in texts:
            update = await at.sent("/PackageTracker/p/updateLocation", {**LOCATION, "timestamp": text})
            if written.time_in_microseconds(text) is None:
                assert (update, at.refused_fields) == (None, ["timestamp"])
            else:
                assert update.timestamp == text

    @pytest.mark.parametrize("value", ["0", "1712011312", "1.5", "true", "null", "[]", '["2024-12-16"]', "{}"])
    async def test_a_date_or_a_time_is_a_text(self, at: Edge, value: str) -> None:
        assert (
            await at.sent_text("/PackageTracker/p/updateLocation", f'{{"timestamp": {value}, "location": "A"}}') is None
        )
        assert at.refused_fields == ["timestamp"]
        assert await at.sent("/BookingWorkflow/trip/run", trip_on(None)) is None
        assert at.refused_fields == ["car.rentalDate"]

    @pytest.mark.parametrize(
        ("path", "body", "field"),
        [
            (
                "/BookingWorkflow/trip/run",
                {**TRIP, "paymentInfo": {"cardNumber": "4242424242424242", "amount": ...}},
                "paymentInfo.amount",
            ),
            ("/AsyncTaskWorker/runTask", {**TASK, "priority": ...}, "priority"),
            ("/AsyncTaskWorker/runTask", {**TASK, "maxAttempts": ...}, "maxAttempts"),
            ("/PaymentTracker/in_1/onPaymentFailure", {**EVENT, "created": ...}, "created"),
        ],
    )
    @pytest.mark.parametrize(
        "number", ['"3"', '" 3"', "true", "3.0", "3.5", "3e0", "null", "[3]", "-1", "1" + "0" * 30]
    )
    async def test_a_whole_number_is_digits_within_its_bounds(
        self, at: Edge, path: str, body: Any, field: str, number: str
    ) -> None:
        raw = written.json_with(body, number)
        assert await at.sent_text(path, raw) is None
        assert at.refused_fields == [field]

    @pytest.mark.parametrize(
        "number", ["03", "+3", "0x3", "3.", ".3", "1e400", "-1e400", "NaN", "Infinity", "٣", "1_0"]
    )
    async def test_what_is_no_number_of_json_is_no_body(self, at: Edge, number: str) -> None:
        for body in ({**TASK, "priority": ...}, {**TASK, "payload": {"a": [...]}}):
            assert await at.sent_text("/AsyncTaskWorker/runTask", written.json_with(body, number)) is None
            assert at.refused_fields == []

    @pytest.mark.parametrize("text", ["3", "true", "3.5", "[]", "{}", "null"])
    async def test_a_text_is_a_text(self, at: Edge, text: str) -> None:
        for path, body, name in (
            ("/FanOutWorker/run", {"description": ...}, "description"),
            ("/UserFeed/u/processPost", {"content": "a", "metadata": ...}, "metadata"),
            ("/PackageTracker/p/registerPackage", {"finalDestination": ...}, "finalDestination"),
        ):
            assert await at.sent_text(path, written.json_with(body, text)) is None
            assert at.refused_fields == [name]

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"url": " https://example.com"}, "payload.url"),
            ({"url": "https://exa\tmple.com"}, "payload.url"),
            ({"url": "https:\\\\example.com"}, "payload.url"),
            ({"url": 7}, "payload.url"),
            ({"headers": {"X-Try": 7}}, "payload.headers.X-Try"),
            ({"headers": {"X-Try": {"secret": 7}}}, "payload.headers.X-Try"),
            ({"headers": {"X-Try": {"secret": "A", "b": 1}}}, "payload.headers.X-Try"),
            ({"method": "post"}, "payload.method"),
            ({"metod": "GET"}, "payload.metod"),
        ],
    )
    async def test_the_payload_of_a_task_is_as_strict_as_a_body(
        self, at: Edge, changes: dict[str, Any], field: str
    ) -> None:
        body = {**REQUEST, "payload": {**REQUEST["payload"], **changes}}  # type: ignore[dict-item]
        assert await at.sent("/AsyncTaskWorker/runTask", body) is None
        assert at.refused_fields == [field]


class TestInQueries:
    @settings(max_examples=10)
    @given(st.lists(written.DURATIONS | nearly(written.DURATIONS), max_size=20))
    @example(
        ["P1M", "P1Y", "P", "PT", "PT1S5M", "PT1M1M", "+PT1S", "-PT1S", " 1s", "1s ", "1.5s", "1S", "P1DT", "PT٣S"]
    )
    async def test_a_delay_is_a_duration_of_at_most_366_days(self, at: Edge, texts: list[str]) -> None:
        for text in texts:
            length = written.duration_in_microseconds(text)
            answer = await at.http.post("/FanOutWorker/run/send", params={"delay": text}, json={"description": "a"})
            if length is None or length > 366 * MICROSECONDS_A_DAY:
                assert at.taken(answer) is None
                assert answer.json()["type"] == "urn:problem:invalid-delay"
                assert "delay" in answer.json()["detail"]
            else:
                assert at.taken(answer) is not None
                assert microseconds(at.temporal.delays.pop() or timedelta(0)) == length

    async def test_a_number_is_digits(self, at: Edge) -> None:
        document = (await at.http.get("/openapi.json")).json()
        numbers = [
            (path, parameter)
            for path, operations in document["paths"].items()
            for parameter in operations.get("get", {}).get("parameters", [])
            if parameter["in"] != "path" and "integer" in str(parameter["schema"])
        ]
        assert {parameter["name"] for _, parameter in numbers} >= {"limit", "partition", "after"}
        for path, parameter in numbers:
            assert {"minimum", "maximum"} <= parameter["schema"].keys()
            for text in (" 5", "5 ", "+5", "5.0", "5e0", "05", "1_0", "٥", "true", "", "0x5", "9" * 30):
                answer = await at.http.get(path, params={parameter["name"]: text})
                assert answer.status_code == 422, (path, parameter["name"], text, answer.text)
                assert [e["field"] for e in answer.json()["errors"]] == [f"query.{parameter['name']}"]


async def test_a_call_has_one_idempotency_key(at: Edge) -> None:
    for keys in (["a", "b"], ["a", "a"], [""], ["k" * 256]):
        headers = [("Idempotency-Key", key) for key in keys]
        answer = await at.http.post("/AsyncTaskWorker/runTask/send", json=TASK, headers=headers)
        assert at.taken(answer) is None
        assert at.refused_fields == ["header.Idempotency-Key"]


def name_of(ref: str) -> str:
    return ref.rpartition("/")[2]


async def test_the_openapi_document_shows_what_is_accepted(at: Edge) -> None:
    """A `format` alone means something else to each reader: the pattern is exact, but for the calendar."""
    document = (await at.http.get("/openapi.json")).json()
    schemas = document["components"]["schemas"]
    assert schemas["CarRequest"]["properties"]["rentalDate"]["format"] == "date"
    assert "pattern" in schemas["LocationUpdate"]["properties"]["timestamp"]
    bodies = [
        schemas[name_of(content["schema"]["$ref"])]
        for operations in document["paths"].values()
        for operation in operations.values()
        if (content := operation.get("requestBody", {}).get("content", {}).get("application/json"))
    ]
    assert len(bodies) > 10
    seen = list(bodies)
    for schema in seen:
        for name, value in schema.get("properties", {}).items():
            assert value.get("format") not in ("date", "date-time", "time", "duration") or "pattern" in value, name
            refs = [
                each["$ref"] for each in (value, *value.get("anyOf", []), *value.get("allOf", [])) if "$ref" in each
            ]
            seen += [schemas[name_of(ref)] for ref in refs]
