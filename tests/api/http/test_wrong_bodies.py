"""A body that is wrong in very many places costs no more than one that is right: not every place is described."""

from typing import Any

import httpx2
import pytest

from api.http.unknown_fields import unknown_fields
from domain.booking import TripRequest
from domain.message_queue import Task
from domain.subscription import SubscriptionRequest
from tests.api.security.gateways import EmptyTemporal
from tests.api.test_bad_input import TRIP, problem

MANY = {f"f{number}": number for number in range(5_000)}
TASKS = "/AsyncTaskWorker/runTask/send"


@pytest.mark.parametrize(
    ("value", "model", "places"),
    [
        (TRIP, TripRequest, []),
        ({**TRIP, "hotel": 1}, TripRequest, ["hotel"]),
        ({"car": {"colour": 1, "rentalDate": 2}, "flights": 3}, TripRequest, ["car.colour"]),
        ({"kind": "heavy_work", "payload": MANY, "maxAttempts": 1, "max_attempts": 1}, Task, ["max_attempts"]),
        ({"options": {"auto.offset.reset": 1, "x": 1}, "y": 1}, SubscriptionRequest, ["options.x", "y"]),
        ([TRIP], TripRequest, []),
        ("a", TripRequest, []),
    ],
)
def test_fields_that_a_model_lacks_are_found_also_within_it(value: Any, model: Any, places: list[str]) -> None:
    assert [".".join(place) for place in unknown_fields(value, model)] == places


@pytest.mark.parametrize(
    ("path", "body", "within"),
    [
        ("/FanOutWorker/run/send", MANY, ""),
        (TASKS, {"kind": "heavy_work", **MANY}, ""),
        ("/BookingWorkflow/a/run/send", {"car": MANY}, "car."),
        ("/subscriptions", {"options": MANY}, "options."),
    ],
)
async def test_of_very_many_unknown_fields_a_hundred_are_named_and_nothing_else_is_looked_at(
    alone: httpx2.AsyncClient, empty_temporal: EmptyTemporal, path: str, body: dict[str, Any], within: str
) -> None:
    errors = problem(await alone.post(path, json=body), 422, "invalid-body")["errors"]
    assert [error["field"] for error in errors] == [f"{within}f{number}" for number in range(100)]
    assert {error["message"] for error in errors} == {"Extra inputs are not permitted"}
    assert empty_temporal.asked == []


async def test_a_few_unknown_fields_are_named_with_what_else_is_wrong(alone: httpx2.AsyncClient) -> None:
    answer = await alone.post("/FanOutWorker/run/send", json={"a": 1, "b": 2})
    fields = [error["field"] for error in problem(answer, 422, "invalid-body")["errors"]]
    assert fields == ["description", "a", "b"]


async def test_more_than_a_thousand_wrong_values_are_counted_and_not_named(alone: httpx2.AsyncClient) -> None:
    metadata = dict.fromkeys(MANY, 1)
    document = problem(
        await alone.post("/codec/decode", json={"payloads": [{"metadata": metadata}]}), 422, "invalid-body"
    )
    assert document["errors"] == []
    assert "5000 values are wrong" in document["detail"]


async def test_of_a_list_the_first_wrong_payload_is_named(alone: httpx2.AsyncClient) -> None:
    document = problem(await alone.post("/codec/decode", json={"payloads": [{}, *([1] * 5_000)]}), 422, "invalid-body")
    assert [error["field"] for error in document["errors"]] == ["payloads.1"]


async def test_a_request_has_at_most_a_hundred_headers(
    alone: httpx2.AsyncClient, empty_temporal: EmptyTemporal
) -> None:
    def task(headers: int) -> dict[str, Any]:
        names = {f"X-{number}": "a" for number in range(headers)}
        return {"kind": "http_request", "payload": {"url": "http://receiver.example", "headers": names}}

    [error] = problem(await alone.post(TASKS, json=task(101)), 422, "invalid-body")["errors"]
    assert error["field"] == "payload.headers"
    assert "at most 100" in error["message"]
    assert empty_temporal.asked == []
    await alone.post(TASKS, json=task(100))
    assert len(empty_temporal.asked) == 1
