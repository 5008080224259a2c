"""Payloads: fingerprints, JSON that can be stored, names in JSON."""

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from domain.booking import FlightRequest
from domain.message_queue import HttpRequest, Task, UnknownTaskKind, check_task, shown_payload
from domain.payload import Payload, check_json, fingerprint, problem

SECRET = "8f14e45fceea167a"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def reordered(value: object) -> object:
    """Return an equal value with its fields in reverse order."""
    if isinstance(value, dict):
        return {name: reordered(value[name]) for name in reversed(value)}
    return [reordered(item) for item in value] if isinstance(value, list) else value


class TestFingerprint:
    @given(json_values)
    def test_does_not_depend_on_the_order_of_fields(self, value: object) -> None:
        assert fingerprint(json.loads(json.dumps(value))) == fingerprint(reordered(value))  # type: ignore[arg-type]

    @given(json_values, json_values)
    def test_differs_when_the_values_do(self, one: object, other: object) -> None:
        same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
        assert (fingerprint(one) == fingerprint(other)) is same  # type: ignore[arg-type]


class TestCheckJson:
    @given(json_values | st.floats(allow_nan=False, allow_infinity=False))
    def test_accepts_json_that_can_be_stored(self, value: object) -> None:
        raw = json.dumps(value)
        assume("\\u0000" not in raw)
        check_json(raw.encode())

    @pytest.mark.parametrize(
        "raw",
        [
            b"NaN",
            b"[Infinity]",
            b"-1e309",
            b"1E+00400",
            b"9" * 310 + b".0",
            b"9" * 300 + b"e9",
            b'"\\u0000"',
            b'{"\\u0000": 1}',
        ],
    )
    def test_refuses_json_that_cannot_be_stored(self, raw: bytes) -> None:
        with pytest.raises(ValueError, match=r"expected value|out of range|U\+0000"):
            check_json(raw)

    @pytest.mark.parametrize(
        "raw",
        [
            b'{"a": 1, "a": 1}',
            b'{"a": 1, "b": 2, "\\u0061": 3}',
            b'[{"b": {"a": [], "a": {}}}]',
            b'{"": 1, "": 2}',
            '{"\u00e9": 1, "\\u00e9": 1}'.encode(),
        ],
    )
    def test_refuses_an_object_with_a_field_twice(self, raw: bytes) -> None:
        with pytest.raises(ValueError, match="twice"):
            check_json(raw)

    @pytest.mark.parametrize(
        "raw",
        [b'[{"a": 1}, {"a": 1}]', b'{"a": {"a": {"a": 1}}}', b'{"a": 1, "A": 1}', b'{"a": ' + b"1" * 4_299 + b"}"],
    )
    def test_accepts_the_same_field_in_different_objects(self, raw: bytes) -> None:
        check_json(raw)


class TestPayload:
    def test_is_written_in_camel_case_and_read_in_either_case(self) -> None:
        flight = FlightRequest.model_validate({"flightId": "1", "passenger_name": "Ada"})
        assert flight.model_dump(by_alias=True) == {"flightId": "1", "passengerName": "Ada"}

    def test_from_a_newer_gateway_is_read_without_its_new_fields(self) -> None:
        assert FlightRequest.model_validate({"flightId": "1", "passengerName": "Ada", "seat": "3A"}).flight_id == "1"

    def test_cannot_be_changed(self) -> None:
        with pytest.raises(ValidationError, match="frozen"):
            FlightRequest(flight_id="1", passenger_name="Ada").flight_id = "2"  # type: ignore[misc]

    @pytest.mark.parametrize("body", [FlightRequest, HttpRequest, Task])
    def test_that_cannot_be_read_is_not_repeated_in_the_error(self, body: type[Payload]) -> None:
        values: list[object] = [
            {"flightId": [SECRET], "passengerName": {"first": SECRET}},
            {"url": SECRET, "headers": {"Authorization": [SECRET]}, "method": SECRET},
            {"url": f"https://{SECRET}:pw@", "headers": SECRET, "body": SECRET},
            {"kind": [SECRET], "payload": SECRET, "priority": SECRET, "maxAttempts": SECRET},
            [SECRET],
        ]
        for value in values:
            for read in (body.model_validate, TypeAdapter(body).validate_python):
                with pytest.raises(ValidationError) as error:
                    read(value)
                assert SECRET not in str(error.value)
                assert SECRET not in repr(error.value)

    def test_that_has_fields_of_long_names_gives_a_short_error(self) -> None:
        with pytest.raises(ValidationError) as error:
            HttpRequest.model_validate({"url": "https://example.com", "x" * 9_999: 1}, extra="forbid")
        [one] = error.value.errors()
        assert problem(one) == f"{'x' * 100}: Extra inputs are not permitted"


class TestShownPayload:
    def test_of_a_kind_that_is_unknown_or_cannot_read_it_is_hidden(self) -> None:
        for kind, payload in (("gone", SECRET), ("http_request", SECRET), ("http_request", {"url": SECRET})):
            assert shown_payload(Task.model_validate({"kind": kind, "payload": payload})) == "***"

    def test_of_work_is_the_payload(self) -> None:
        assert shown_payload(Task(kind="heavy_work", payload={"taskId": 7})) == {"taskId": 7}


class TestTask:
    def test_of_an_unknown_kind_is_refused_and_the_known_ones_are_named(self) -> None:
        with pytest.raises(UnknownTaskKind, match="known are: heavy_work, http_request"):
            check_task(Task(kind="light_work"))

    def test_whose_payload_its_kind_cannot_take_is_refused(self) -> None:
        with pytest.raises(ValidationError, match="url"):
            check_task(Task(kind="http_request", payload={"url": "not a url"}))

    def test_that_a_worker_can_run_is_accepted(self) -> None:
        check_task(Task(kind="heavy_work", payload={"taskId": 7}))
        check_task(Task(kind="http_request", payload={"url": "https://example.com/hook"}))
