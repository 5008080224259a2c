"""Bad input gets a clear error that names what is wrong, and starts nothing."""

import uuid
from typing import Any

import httpx2
import pytest

from devstack.stack import Stack
from tests.brokers.fixtures import make_topic
from tests.eventually import eventually

TRIP: dict[str, Any] = {
    "flights": {"flightId": "12345", "passengerName": "John Doe"},
    "car": {"pickupLocation": "Airport", "rentalDate": "2024-12-16"},
    "paymentInfo": {"cardNumber": "4242424242424242", "amount": 1500},
}

JSON = {"Content-Type": "application/json"}


def problem(response: httpx2.Response, status: int, kind: str) -> dict[str, Any]:
    """The problem document of `response`, checked for its form."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["type"] == f"urn:problem:{kind}"
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    return document


def without(body: dict[str, Any], section: str, field: str) -> dict[str, Any]:
    return {**body, section: {name: value for name, value in body[section].items() if name != field}}


def changed(body: dict[str, Any], section: str, **fields: Any) -> dict[str, Any]:
    return {**body, section: {**body[section], **fields}}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**TRIP, "hotel": 1}, "hotel"),
        (changed(TRIP, "car", colour="red"), "car.colour"),
        (without(TRIP, "flights", "flightId"), "flights.flightId"),
        (changed(TRIP, "paymentInfo", amount="1500"), "paymentInfo.amount"),
        (changed(TRIP, "paymentInfo", amount=0), "paymentInfo.amount"),
        (changed(TRIP, "paymentInfo", amount=15.5), "paymentInfo.amount"),
        (changed(TRIP, "car", rentalDate="16.12.2024"), "car.rentalDate"),
        (changed(TRIP, "flights", flightId=12345), "flights.flightId"),
        (changed(TRIP, "flights", passengerName=""), "flights.passengerName"),
        ([TRIP], "body"),
    ],
)
async def test_a_wrong_field_is_named(http: httpx2.AsyncClient, body: Any, field: str) -> None:
    document = problem(await http.post("/BookingWorkflow/bad-field/run", json=body), 422, "invalid-body")
    assert field in [error["field"] for error in document["errors"]]
    problem(await http.get("/BookingWorkflow/bad-field"), 404, "not-found")


@pytest.mark.parametrize(
    "number", ["4242424242424241", "4242", "4242-4242-4242-4242", "", "４２４２４２４２４２４２４２４２"]
)
async def test_an_impossible_card_number_is_refused_and_not_repeated(http: httpx2.AsyncClient, number: str) -> None:
    response = await http.post("/BookingWorkflow/bad-card/run", json=changed(TRIP, "paymentInfo", cardNumber=number))
    problem(response, 400, "invalid-card")
    assert not number or number not in response.text


@pytest.mark.parametrize("body", ["", "{", "nonsense", '{"description": "a"', "\ufeff{}"])
async def test_a_body_that_is_not_json_is_malformed(http: httpx2.AsyncClient, body: str) -> None:
    problem(await http.post("/FanOutWorker/run", content=body, headers=JSON), 400, "malformed-json")


@pytest.mark.parametrize(
    ("payload", "detail"),
    [
        ("NaN", "expected value"),
        ("[-Infinity]", "invalid number"),
        ('{"a": 1e999}', "number out of range"),
        ("1" + "0" * 5_000, "number out of range"),
        ('"a\\u0000b"', "a string contains U+0000"),
        ('{"\\u0000": 1}', "a string contains U+0000"),
        ('"\\ud800"', "hex escape"),
        ("[" * 10_000 + "]" * 10_000, "recursion limit exceeded"),
    ],
)
async def test_json_that_cannot_be_stored_is_malformed(http: httpx2.AsyncClient, payload: str, detail: str) -> None:
    body = f'{{"kind": "heavy_work", "payload": {payload}}}'
    response = await http.post("/AsyncTaskWorker/runTask", content=body, headers=JSON)
    assert detail in problem(response, 400, "malformed-json")["detail"]


async def test_json_that_looks_like_it_is_stored(http: httpx2.AsyncClient) -> None:
    payload = [1e308, "1e999", "NaN", "\\u0000", 10**400]
    response = await http.post("/AsyncTaskWorker/runTask", json={"kind": "heavy_work", "payload": payload})
    assert response.json()["payload"] == payload


async def test_of_very_many_wrong_fields_the_first_hundred_are_named(http: httpx2.AsyncClient) -> None:
    response = await http.post("/FanOutWorker/run", json={f"f{n}": n for n in range(50_000)})
    assert len(problem(response, 422, "invalid-body")["errors"]) == 100


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/AsyncTaskWorker/runTask", '{"kind": "heavy_work", "kind": "http_request"}'),
        ("/AsyncTaskWorker/runTask", '{"kind": "heavy_work", "payload": [{"a": {"kind": 1, "k\\u0069nd": 1}}]}'),
        ("/FanOutWorker/run", '{"description": "a", "description": "b"}'),
        ("/BookingWorkflow/twice/resolveCompensation", '{"compensation": "a", "kind": 1, "kind": 2}'),
        ("/subscriptions", '{"kind": 1, "kind": 2}'),
    ],
)
async def test_a_field_that_is_there_twice_is_refused(http: httpx2.AsyncClient, path: str, body: str) -> None:
    detail = problem(await http.post(path, content=body, headers=JSON), 400, "malformed-json")["detail"]
    assert "twice" in detail
    assert ("'description'" if "description" in body else "'kind'") in detail


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip", "x"])
@pytest.mark.parametrize("path", ["/FanOutWorker/run", "/subscriptions", "/webhooks/stripe"])
async def test_a_body_with_a_content_encoding_is_refused(http: httpx2.AsyncClient, path: str, encoding: str) -> None:
    response = await http.post(path, content=b"\x1f\x8b", headers=JSON | {"content-encoding": encoding})
    assert "Content-Encoding" in problem(response, 415, "unsupported-content-encoding")["detail"]
    assert response.headers["accept-encoding"] == "identity"


async def test_the_encoding_that_changes_nothing_is_accepted(http: httpx2.AsyncClient) -> None:
    response = await http.post("/FanOutWorker/run", json={"description": "a"}, headers={"content-encoding": "identity"})
    assert response.status_code == 200


async def test_a_body_over_one_mebibyte_is_refused(http: httpx2.AsyncClient) -> None:
    problem(await http.post("/FanOutWorker/run", json={"description": "x" * 1_100_000}), 413, "body-too-large")


async def test_a_body_over_one_mebibyte_of_unknown_length_is_refused(http: httpx2.AsyncClient) -> None:
    async def chunks() -> Any:
        for _ in range(20):
            yield b"x" * 100_000

    problem(await http.post("/FanOutWorker/run", content=chunks(), headers=JSON), 413, "body-too-large")


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/BookingWorkflow//run", "The key is empty."),
        ("/BookingWorkflow/%20/run", "The key begins or ends with a space."),
        ("/BookingWorkflow/a%2Fb/run", "The key contains a slash, which separates path segments."),
        (f"/BookingWorkflow/{'k' * 1000}/run", "The key has 1000 characters; at most 200 are allowed."),
        ("/BookingWorkflow/%FF/run", "The key is not UTF-8, or contains U+FFFD, the replacement for invalid UTF-8."),
        ("/BookingWorkflow/a%0Ab/run", "The key contains U+000A, a control character."),
        ("/BookingWorkflow/a%C2%A0b/run", "The key contains U+00A0, a space that is not U+0020."),
    ],
)
async def test_a_key_that_cannot_name_an_execution_is_refused(http: httpx2.AsyncClient, path: str, detail: str) -> None:
    assert problem(await http.post(path, json=TRIP), 400, "invalid-key")["detail"] == detail


@pytest.mark.parametrize("delay", ["-1s", "abc", "36500d", "10", "", "P100Y", "1e3s", "٣s"])
async def test_an_impossible_delay_is_refused(http: httpx2.AsyncClient, delay: str) -> None:
    response = await http.post(
        "/AsyncTaskWorker/runTask/send", params={"delay": delay}, json={"kind": "heavy_work", "payload": 1}
    )
    problem(response, 400, "invalid-delay")


@pytest.mark.parametrize("query", ["dlay=1d", "delay=1s&delay=2s", "delay=1s&x=1"])
async def test_an_unknown_or_repeated_query_parameter_is_refused(http: httpx2.AsyncClient, query: str) -> None:
    problem(await http.post(f"/FanOutWorker/run/send?{query}", json={"description": "a"}), 422, "invalid-request")


async def test_a_call_that_waits_cannot_be_delayed(http: httpx2.AsyncClient) -> None:
    response = await http.post("/FanOutWorker/run", params={"delay": "1s"}, json={"description": "a"})
    problem(response, 400, "delay-not-allowed")


async def test_an_unknown_handler_is_not_found(http: httpx2.AsyncClient) -> None:
    problem(await http.post("/BookingWorkflow/trip1/fly", json=TRIP), 404, "not-found")
    problem(await http.post("/HotelWorkflow/trip1/run", json=TRIP), 404, "not-found")


async def test_the_wrong_method_is_not_allowed(http: httpx2.AsyncClient) -> None:
    response = await http.get("/BookingWorkflow/trip1/run")
    problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "POST"


async def test_an_unknown_task_kind_is_refused_with_the_known_ones(http: httpx2.AsyncClient) -> None:
    response = await http.post("/AsyncTaskWorker/runTask/send", json={"kind": "nap", "payload": None})
    assert "heavy_work" in problem(response, 400, "unknown-task-kind")["detail"]


async def test_a_payload_that_its_kind_cannot_take_is_refused(http: httpx2.AsyncClient) -> None:
    response = await http.post("/AsyncTaskWorker/runTask", json={"kind": "http_request", "payload": {"url": "no"}})
    [error] = problem(response, 422, "invalid-body")["errors"]
    assert error["field"] == "payload.url"


@pytest.mark.parametrize("description", ["", " ", "a,,b", "a,b,", ",".join(["x"] * 10_001)])
async def test_a_job_without_sensible_subtasks_is_refused(http: httpx2.AsyncClient, description: str) -> None:
    [error] = problem(await http.post("/FanOutWorker/run", json={"description": description}), 422, "invalid-body")[
        "errors"
    ]
    assert error["field"] == "description"


async def test_an_unknown_invocation_is_not_found(http: httpx2.AsyncClient) -> None:
    ids = ["booking:nobody", "message-queue:nothing", "user-feed:nobody~nothing", "fan-out:nothing", "what", "a:b"]
    ids += [
        "user-feed:nobody",
        "user-feed:~",
        "booking:",
        "booking:%00",
        f"booking:{'€' * 900}",
        f"user-feed:{'€' * 900}~a",
    ]
    for invocation_id in ids:
        for suffix in ("", "/output", "/attach"):
            problem(await http.get(f"/invocations/{invocation_id}{suffix}"), 404, "not-found")
        problem(await http.delete(f"/invocations/{invocation_id}"), 404, "not-found")


async def test_only_a_task_can_be_redriven(http: httpx2.AsyncClient) -> None:
    sent = await http.post("/UserFeed/nobody/processPost/send?delay=1d", json={"content": "a", "metadata": "b"})
    for invocation_id in (sent.json()["invocationId"], "message-queue:nothing", "what", "€" * 900):
        problem(await http.post(f"/AsyncTaskWorker/deadLetters/{invocation_id}/redrive"), 404, "not-found")
    await http.delete(f"/invocations/{sent.json()['invocationId']}")


@pytest.mark.parametrize(
    ("change", "status", "kind"),
    [
        ({"source": "kafka://elsewhere/topic"}, 400, "unknown-source"),
        ({"source": "kafka://my-cluster/never-made"}, 400, "unknown-source"),
        ({"source": "kafka://my-cluster/__consumer_offsets"}, 403, "topic-not-allowed"),
        ({"source": "kafka://my-cluster/social-media-posts.dead-letter"}, 403, "topic-not-allowed"),
        ({"source": "kafka://my-cluster/.."}, 422, "invalid-body"),
        ({"source": "kafka://my-cluster/."}, 422, "invalid-body"),
        ({"source": "kafka://my-cluster/a b"}, 422, "invalid-body"),
        ({"source": "kafka://my-cluster/%2e%2e"}, 422, "invalid-body"),
        ({"source": "http://my-cluster/topic"}, 422, "invalid-body"),
        ({"options": {"group.id": "acme/mine"}}, 422, "invalid-body"),
        ({"options": {"group.id": "two words"}}, 422, "invalid-body"),
        ({"sink": "service://UserFeed/nothing"}, 400, "unknown-sink"),
        ({"sink": "service://BookingWorkflow/run"}, 400, "unknown-sink"),
        ({"options": {"auto.offset.reset": "sometimes"}}, 422, "invalid-body"),
        ({"options": {"key.format": "avro"}}, 422, "invalid-body"),
        ({"options": {"value.format": "json"}}, 422, "invalid-body"),
        ({"options": {"fetch.min.bytes": 1}}, 422, "invalid-body"),
    ],
)
async def test_a_subscription_that_cannot_work_is_refused(
    http: httpx2.AsyncClient, change: dict[str, Any], status: int, kind: str
) -> None:
    body = {"source": "kafka://my-cluster/social-media-posts", "sink": "service://UserFeed/processPost"}
    problem(await http.post("/subscriptions", json={**body, **change}), status, kind)


async def test_keys_of_any_script_work(http: httpx2.AsyncClient) -> None:
    response = await http.post("/PackageTracker/пакет 7~“x”/registerPackage", json={"finalDestination": "Zürich"})
    assert response.status_code == 200, response.text
    assert (await http.get("/PackageTracker/пакет 7~“x”/getPackageInfo")).json()["finalDestination"] == "Zürich"


@pytest.mark.parametrize("key", ["👨\u200d👩\u200d👧", "🏴\U000e0067\U000e0062\U000e007f", "می\u200cخواهم"])
async def test_keys_with_the_joiners_of_emoji_and_words_work(http: httpx2.AsyncClient, key: str) -> None:
    response = await http.post(f"/PackageTracker/{key}/registerPackage", json={"finalDestination": "Zürich"})
    assert response.status_code == 200, response.text
    assert (await http.get(f"/PackageTracker/{key}/getPackageInfo")).json()["finalDestination"] == "Zürich"


async def test_two_subscriptions_of_a_topic_cannot_keep_their_offsets_under_one_group(
    stack: Stack, http: httpx2.AsyncClient
) -> None:
    topic = f"shared-{uuid.uuid4().hex[:8]}"
    await make_topic(stack.bootstrap, topic)
    body = {"source": f"kafka://my-cluster/{topic}", "options": {"group.id": topic}}
    posts = {**body, "sink": "service://UserFeed/processPost"}
    locations = {**body, "sink": "service://PackageTracker/updateLocation"}
    assert (await http.post("/subscriptions", json=posts)).status_code == 201

    async def refused() -> bool:  # as soon as Temporal's index has the first
        answer = await http.post("/subscriptions", json=locations)
        if answer.status_code == 201:
            await http.delete(f"/subscriptions/{answer.json()['id']}")
        return answer.status_code == 409 and "group.id" in answer.json()["detail"]

    await eventually(refused)
    assert (await http.post("/subscriptions", json=posts)).status_code == 201, "the same again is not another"
    await http.delete(f"/subscriptions/my-cluster.{topic}-UserFeed.processPost")
