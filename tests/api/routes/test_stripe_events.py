"""Which events of Stripe become which messages, and what of an event must be right for that."""

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.problems import Problem
from api.invokers.invocation import Call
from api.routes.stripe_events import CLOSINGS, FAILURE, SUCCESSES, Ignored, Source, read_event
from domain.errors import Refusal
from domain.invoice import PaymentEvent

HANDLED = [FAILURE, *sorted(SUCCESSES), *CLOSINGS]
MISSING = object()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def event(kind: str = FAILURE, **fields: Any) -> dict[str, Any]:
    """An event about an invoice; `fields` are of the invoice, with two underscores of the event."""
    document: dict[str, Any] = {
        "id": "evt_1",
        "object": "event",
        "type": kind,
        "created": 1_800_000_000,
        "livemode": False,
        "data": {"object": {"id": "in_1", "object": "invoice", "customer": "cus_1", "status": "open"}},
    }
    for name, value in fields.items():
        target = document if name.startswith("__") else document["data"]["object"]
        if value is MISSING:
            target.pop(name.removeprefix("__"), None)
        else:
            target[name.removeprefix("__")] = value
    return document


def read(document: object, livemode: bool | None = None, account: str | None = None) -> Call:
    return read_event(json.dumps(document).encode(), Source(livemode, account))


def failure(**fields: Any) -> PaymentEvent:
    body = read(event(**fields)).body
    assert isinstance(body, PaymentEvent)
    return body


def refused(raw: bytes) -> Problem:
    with pytest.raises(Problem) as caught:
        read_event(raw, Source())
    return caught.value


class TestType:
    @pytest.mark.parametrize(
        ("kind", "handler"),
        [(FAILURE, "onPaymentFailure"), *((kind, "onPaymentSuccess") for kind in sorted(SUCCESSES))]
        + [(kind, "onInvoiceClosed") for kind in CLOSINGS],
    )
    def test_decides_which_handler_gets_the_event(self, kind: str, handler: str) -> None:
        call = read(event(kind))
        assert (call.handler, call.key, call.idempotency_key) == (handler, "in_1", "evt_1")

    @pytest.mark.parametrize(
        ("kind", "status"),
        [("invoice.voided", "void"), ("invoice.marked_uncollectible", "uncollectible"), ("invoice.deleted", "deleted")],
    )
    def test_of_an_end_says_which_one_whatever_the_snapshot_says(self, kind: str, status: str) -> None:
        body = read(event(kind, status="draft")).body
        assert body.model_dump()["data"] == {"id": "evt_1", "status": status}

    @pytest.mark.parametrize("rest", [{}, {"data": None}, {"data": {"object": {"id": "cus_1"}}, "id": 7}])
    def test_that_no_handler_takes_is_ignored_whatever_else_the_event_has(self, rest: dict[str, Any]) -> None:
        for kind in ("customer.created", "invoice.upcoming", "v1.billing.meter.error_report_triggered", ""):
            with pytest.raises(Ignored, match="type"):
                read({"type": kind, **rest})


class TestLivemode:
    @pytest.mark.parametrize("mode", [True, False, None, MISSING, "yes"])
    def test_of_any_kind_is_taken_if_no_setting_names_one(self, mode: object) -> None:
        assert read(event(__livemode=mode)).key == "in_1"

    @pytest.mark.parametrize("expected", [True, False])
    def test_must_be_the_one_of_the_setting(self, expected: bool) -> None:
        assert read(event(__livemode=expected), expected).key == "in_1"
        for other in (not expected, None, MISSING, "true", int(expected)):
            with pytest.raises(Ignored, match=f"STRIPE_LIVEMODE is {str(expected).lower()}"):
                read(event(__livemode=other), expected)


class TestAccount:
    """Connect sends the events of connected accounts with `account`, an organization those of its accounts with
    `context`; the account's own events have neither."""

    @pytest.mark.parametrize("own", [{}, {"__account": None}, {"__account": None, "__context": None}])
    def test_the_endpoints_own_events_count_unless_a_setting_says_otherwise(self, own: dict[str, Any]) -> None:
        assert read(event(**own))
        with pytest.raises(Ignored, match="STRIPE_ACCOUNT is acct_1, and the event is not of this account"):
            read(event(**own), account="acct_1")

    @pytest.mark.parametrize("account", ["acct_1", "", 0, False, {}, ["acct_1"]])
    def test_a_connected_accounts_event_is_ignored_by_default(self, account: object) -> None:
        with pytest.raises(Ignored, match="connected account, and STRIPE_ACCOUNT names none"):
            read(event(__account=account))

    @pytest.mark.parametrize(
        "of_it", [{"__account": "acct_1"}, {"__account": "acct_1", "__context": "acct_1"}, {"__context": "acct_1"}]
    )
    @pytest.mark.parametrize("kind", HANDLED)
    def test_an_event_of_the_account_that_the_setting_names_counts(self, kind: str, of_it: dict[str, Any]) -> None:
        assert read(event(kind, **of_it), account="acct_1")

    @pytest.mark.parametrize(
        "of_another",
        [
            {"__account": "acct_2"},
            {"__account": "acct_2", "__context": "acct_1"},
            {"__context": "acct_11"},
            {"__account": ["acct_1"]},
            {"__account": "ACCT_1"},
        ],
    )
    @pytest.mark.parametrize("kind", HANDLED)
    def test_an_event_of_another_is_ignored(self, kind: str, of_another: dict[str, Any]) -> None:
        with pytest.raises(Ignored, match="STRIPE_ACCOUNT is acct_1"):
            read(event(kind, **of_another), account="acct_1")


class TestCustomer:
    @pytest.mark.parametrize(
        ("fields", "customer"),
        [
            ({"customer": "cus_1"}, "cus_1"),
            ({"customer": {"id": "cus_2", "object": "customer", "email": None}}, "cus_2"),
            ({"customer": {"id": "cus_3", "deleted": True}}, "cus_3"),
            ({"customer": None, "customer_account": "acct_1"}, "acct_1"),
            ({"customer": MISSING, "customer_account": {"id": "acct_2"}}, "acct_2"),
            ({"customer": "cus_4", "customer_account": "acct_3"}, "cus_4"),
            ({"customer": None}, None),
            ({"customer": MISSING}, None),
        ],
    )
    def test_is_an_id_an_object_or_an_account_or_there_is_none(
        self, fields: dict[str, Any], customer: str | None
    ) -> None:
        assert failure(**fields).data.customer == customer

    @pytest.mark.parametrize("customer", [7, [], {}, {"id": None, "email": "a@b.c"}, {"id": {"id": "cus_1"}}, "", True])
    def test_that_is_nothing_of_that_is_refused(self, customer: object) -> None:
        if customer == {"id": None, "email": "a@b.c"}:
            assert failure(customer=customer).data.customer is None
        else:
            problem = refused(json.dumps(event(customer=customer)).encode())
            assert (problem.status, problem.extra["errors"][0]["field"]) == (422, "data.object.customer")

    @pytest.mark.parametrize("kind", [*sorted(SUCCESSES), *CLOSINGS])
    @pytest.mark.parametrize("value", [None, MISSING, 7, {"id": "cus_1"}, "x" * 256])
    def test_stops_no_event_whose_handler_does_not_use_it(self, kind: str, value: object) -> None:
        assert read(event(kind, customer=value)).key == "in_1"


class TestSnapshot:
    @pytest.mark.parametrize("status", ["open", "paid", "void", "uncollectible", "of next year", None, MISSING])
    def test_may_have_any_status(self, status: object) -> None:
        assert failure(status=status).data.status == (None if status is MISSING else status)

    @pytest.mark.parametrize("attempts", [0, 1, 9, None, MISSING])
    def test_may_have_attempts(self, attempts: object) -> None:
        assert failure(attempt_count=attempts).data.attempt_count == (None if attempts is MISSING else attempts)

    @pytest.mark.parametrize("kind", [*sorted(SUCCESSES), *CLOSINGS])
    def test_stops_no_event_whose_handler_does_not_use_it(self, kind: str) -> None:
        assert read(event(kind, status=7, attempt_count=-1)).key == "in_1"


class TestWrongEvent:
    @pytest.mark.parametrize(
        ("fields", "wrong"),
        [
            ({"__id": "e" * 256}, "id"),
            ({"__id": ""}, "id"),
            ({"__id": None}, "id"),
            ({"__id": MISSING}, "id"),
            ({"__created": -1}, "created"),
            ({"__created": 10**12}, "created"),
            ({"__created": 10**400}, "created"),
            ({"__created": 1.5}, "created"),
            ({"__created": "1800000000"}, "created"),
            ({"__created": True}, "created"),
            ({"__created": MISSING}, "created"),
            ({"__data": None}, "data"),
            ({"__data": {"object": []}}, "data.object"),
            ({"id": 7}, "data.object.id"),
            ({"id": None}, "data.object.id"),
        ],
    )
    @pytest.mark.parametrize("kind", HANDLED)
    def test_is_refused_with_the_name_of_the_field(self, kind: str, fields: dict[str, Any], wrong: str) -> None:
        problem = refused(json.dumps(event(kind, **fields)).encode())
        assert (problem.status, problem.type) == (422, "invalid-body")
        assert [each["field"] for each in problem.extra["errors"]] == [wrong]

    @pytest.mark.parametrize("fields", [{"attempt_count": -1}, {"attempt_count": "1"}, {"status": 7}])
    def test_is_a_failure_with_a_wrong_snapshot(self, fields: dict[str, Any]) -> None:
        assert refused(json.dumps(event(**fields)).encode()).status == 422

    @pytest.mark.parametrize("document", [None, [], 7, "invoice.paid", {}, {"type": None}, {"type": ["invoice.paid"]}])
    def test_is_json_that_is_no_event(self, document: object) -> None:
        assert refused(json.dumps(document).encode()).status == 422

    @pytest.mark.parametrize(
        "raw",
        [b"", b"{", b"type=invoice.paid", b'{"created": NaN}', b"\xff\xfe", b"[" * 100_000, b'"\\ud800"', b"{} {}"],
    )
    def test_is_a_body_that_is_not_json(self, raw: bytes) -> None:
        problem = refused(raw)
        assert (problem.status, problem.type) == (400, "malformed-json")


PATHS = [("id",), ("created",), ("data",), ("data", "object")]
PATHS += [("data", "object", name) for name in ("id", "customer", "customer_account", "status", "attempt_count")]


@given(st.sampled_from(HANDLED), st.sampled_from(PATHS), JSON)
def test_any_value_in_any_field_is_read_or_refused(kind: str, path: tuple[str, ...], value: object) -> None:
    document = deepcopy(event(kind))
    *parents, name = path
    target = document
    for parent in parents:
        target = target[parent]
    target[name] = value
    try:
        raw = json.dumps(document).encode()
        call = read_event(raw, Source())
    except (Problem, Refusal):
        return
    assert type(call.body).model_validate_json(call.body.model_dump_json()) == call.body
